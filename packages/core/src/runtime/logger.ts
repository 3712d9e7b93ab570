import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Writable } from 'node:stream';
import { pino, type Logger } from 'pino';
import type { default as prettyStream } from 'pino-pretty';
import { printable } from '../domain/printable.ts';

export type { Logger } from 'pino';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LEVELS)[number];

const SEVERITY: Readonly<Record<string, string>> = {
  trace: 'DEBUG',
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARNING',
  error: 'ERROR',
  fatal: 'CRITICAL',
};

export interface LoggerOptions {
  readonly name: string;
  readonly level: LogLevel;
  /** Human text instead of JSON lines. */
  readonly human: boolean;
}

/**
 * Logs to stderr, synchronously so that a crash loses no line: JSON lines with Cloud Logging's fields, or human text.
 * @see https://cloud.google.com/logging/docs/structured-logging
 */
export function createLogger(options: LoggerOptions): Logger {
  const common = { name: options.name, level: options.level, base: {} };
  if (options.human) {
    // Here and not above: fleets never need it.
    const pretty = createRequire(import.meta.url)('pino-pretty') as typeof prettyStream;
    return pino(
      common,
      pretty({ destination: terminal(), colorize: false, translateTime: 'SYS:HH:MM:ss', ignore: 'name' }),
    );
  }
  return pino(
    {
      ...common,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ severity: SEVERITY[label] ?? 'DEFAULT' }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** stderr, synchronously; keys and what servers say cannot steer it. A progress line that stands there unfinished gives way to the log line. */
function terminal(): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      writeSync(2, `\r\u001B[2K${printable(chunk.toString())}`);
      done();
    },
  });
}
