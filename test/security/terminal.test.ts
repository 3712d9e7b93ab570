import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { expectExitCode } from '../e2e/command.ts';
import { openError, OperatorRig } from '../e2e/operator-rig.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from '../e2e/rehearsal.ts';

/** Clears the screen, sets the title, colours, and turns the order of letters around. */
const STEERING = '\u001B[2J\u001B]0;owned\u0007\u009B31m\u202Egpj.exe';
/** A message that would pass for a line of the tool's own. */
const FORGED = `denied\r\nVERIFIED: every object of the source is at the destination${STEERING}\n`;

// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

function linesOf(text: string): readonly string[] {
  return text.split('\n');
}

describe('what people read cannot be steered by keys and by what servers say', () => {
  it('in the summary of a run and of a sync', async () => {
    const body = `<Error><Code>AccessDenied</Code><Message>${FORGED.replaceAll(/[^ -~]/g, (c) => `&#${c.codePointAt(0)};`)}</Message><RequestId>R</RequestId></Error>`;
    await using rehearsal = await Rehearsal.start({
      distribution: {
        intercept: (request, response) => {
          if (request.url?.includes('refused') !== true) return false;
          response.writeHead(403, { 'content-type': 'application/xml' }).end(body);
          return true;
        },
      },
    });
    for (const key of [`${STEERING}/a`, `${STEERING}/refused`]) rehearsal.source.put(key, 'x');
    const run = await rehearsal.run();
    expectExitCode(run, 1);
    expect(run.stdout).toContain(String.raw`\u001b[2J`);
    expect(run.stdout).not.toMatch(UNPRINTABLE);
    expect(linesOf(run.stdout).filter((line) => line.startsWith('VERIFIED'))).toEqual([]);
    const flags = ['--s3-bucket', SOURCE_BUCKET, '--gcs-bucket', DESTINATION_BUCKET];
    const cdn = ['--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
    const sync = await rehearsal.command('sync', `${STEERING}/`, ...flags, ...cdn);
    expect(sync.stdout).toContain(String.raw`\u001b[2J`);
    expect(sync.stdout).not.toMatch(UNPRINTABLE);
  });

  it('in the texts of `errors list`, `diff` and `abandon`, and in what a command fails with', async () => {
    await using rig = await OperatorRig.start();
    const { stateStore } = await rig.open();
    await stateStore.addSubfolders([`${STEERING}/`]);
    await stateStore.recordObjectErrors([openError(`${STEERING}/`, STEERING, 'SOURCE_FORBIDDEN', FORGED)]);
    for (const args of [['errors', 'list'], ['diff'], ['abandon', `--dir=${STEERING}`]]) {
      const { exitCode, stdout } = await rig.command(...args);
      expect({ args, exitCode }).toEqual({ args, exitCode: 0 });
      expect(stdout).toContain(String.raw`\u001b[2J`);
      expect(stdout).not.toMatch(UNPRINTABLE);
      expect(linesOf(stdout).filter((line) => line.startsWith('VERIFIED'))).toEqual([]);
    }
    await writeFile(`${rig.directory}/dump.txt`, `${STEERING} without its slash\n`);
    const failed = await rig.command('dump', '--s3-bucket', 'source', '--dump_file', 'dump.txt');
    expectExitCode(failed, 2);
    expect(failed.stderr).toContain(String.raw`\u001b[2J`);
    expect(failed.stderr).not.toMatch(UNPRINTABLE);
  });

  it('in the log on a terminal', () => {
    const script = fileURLToPath(new URL('human-log-process.ts', import.meta.url));
    const { stderr } = spawnSync(process.execPath, [script, STEERING, FORGED], { encoding: 'utf8' });
    expect(stderr).toContain(String.raw`\u001b[2J`);
    // The line of progress that may stand there is cleared by ourselves.
    expect(stderr.replaceAll('\r\u001B[2K', '')).not.toMatch(UNPRINTABLE);
  });
});
