import { prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';

/** `prepare` for tests: `node mysql-prepare-process.ts <options as JSON>`. Says what it did. */
const [options] = process.argv.slice(2);
if (options === undefined) throw new Error('usage: <options as JSON>');
process.send?.('started');
const prepared = await prepareMysqlState(JSON.parse(options) as Parameters<typeof prepareMysqlState>[0]);
process.send?.(prepared);
process.disconnect();
