import { createLogger } from '@object-transfer/core/runtime/logger';

/** Logs its arguments for people, as on a terminal: a key, and what a server said of it. */
const [, , key = '', reason = ''] = process.argv;
createLogger({ name: 'test', level: 'info', human: true }).error({ key, reason }, `an object failed: ${reason}`);
