import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { LoggerOptions } from './logger.ts';

/** Logs in a process of its own, which ends right after: the streams are the real ones. */
async function output(options: LoggerOptions, statements: string): Promise<{ stdout: string; stderr: string }> {
  const script = `
    import { createLogger } from ${JSON.stringify(new URL('logger.ts', import.meta.url).href)};
    const logger = createLogger(${JSON.stringify(options)});
    ${statements}
    process.exit(0);`;
  return promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
}

describe('JSON lines', () => {
  test('go to stderr with the fields that Cloud Logging reads', async () => {
    const { stdout, stderr } = await output(
      { name: 'worker', level: 'debug', human: false },
      `logger.debug('d'); logger.info({ key: 'a/1' }, 'line\\nbreak'); logger.warn('w'); logger.error('e');`,
    );
    expect(stdout).toBe('');
    const lines = stderr.trimEnd().split('\n');
    const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(entries.map(({ severity, message }) => [severity, message])).toEqual([
      ['DEBUG', 'd'],
      ['INFO', 'line\nbreak'],
      ['WARNING', 'w'],
      ['ERROR', 'e'],
    ]);
    for (const entry of entries) {
      expect(entry['name']).toBe('worker');
      expect(new Date(String(entry['time'])).toISOString()).toBe(entry['time']);
    }
    expect(entries[1]).toMatchObject({ key: 'a/1' });
  });

  test('below the level are left out', async () => {
    const { stderr } = await output(
      { name: 'worker', level: 'warn', human: false },
      `logger.info('quiet'); logger.warn('loud');`,
    );
    expect(stderr).not.toContain('quiet');
    expect(stderr).toContain('loud');
  });
});

test('human text goes to stderr too, without JSON', async () => {
  const { stdout, stderr } = await output(
    { name: 'worker', level: 'info', human: true },
    `logger.warn({ attempt: 3 }, 'trying again');`,
  );
  expect(stdout).toBe('');
  // A progress line that stands there is cleared first.
  const line = stderr.replace('\r\u001B[2K', '');
  expect(line).not.toBe(stderr);
  expect(line).toMatch(/^\[\d\d:\d\d:\d\d\] WARN: trying again\n {4}attempt: 3\n$/);
});
