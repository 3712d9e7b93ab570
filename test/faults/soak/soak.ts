import { parseArgs } from 'node:util';
import { randomInt } from 'node:crypto';
import { countFindings } from './audit-summary.ts';
import { MIN_OBJECTS, runSoak } from './run-soak.ts';

const USAGE = `npm run soak -- [--objects N] [--faults N] [--seed N] [--json]

Takes a fleet of processes through a whole migration on this machine, with local servers in place of the clouds, while connections,
answers, processes, the database, the queue and the buckets are broken, and audits the result. Exit code 0: nothing is missing,
different, left behind or listed wrongly.

  --objects N   objects at the source (default: 2000; ${MIN_OBJECTS} at least)
  --faults N    faults that are injected at least (default: half as many)
  --seed N      decides objects and faults, though not how the system interleaves the processes (default: another one each time,
                which is printed)
  --json        print the report as JSON`;

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1: ${text}`);
  return value;
}

const { values } = parseArgs({
  options: {
    objects: { type: 'string' },
    faults: { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help === true) {
  console.log(USAGE);
  process.exit(0);
}
const objects = wholeNumber('objects', values.objects, 2000);
const faults = wholeNumber('faults', values.faults, Math.ceil(objects / 2));
const seed = wholeNumber('seed', values.seed, randomInt(1, 2 ** 31));
console.error(`soak: ${objects} objects, ${faults} faults, seed ${seed}`);
const report = await runSoak({
  objects,
  faults,
  seed,
  log: (line) => console.error(`soak, ${Math.round(performance.now() / 1000)} s: ${line}`),
});
if (values.json === true) console.log(JSON.stringify(report, undefined, 2));
else {
  console.log(`faults injected: ${report.faults}`);
  for (const [what, count] of Object.entries(report.injected)) console.log(`  ${String(count).padStart(6)} ${what}`);
  console.log(`processes started: ${report.starts}; at most ${report.mostMessages} messages held; each at most:`);
  for (const [name, { fds, sockets, rssBytes }] of Object.entries(report.peaks)) {
    console.log(`  ${name}: ${fds} descriptors, ${sockets} sockets, ${Math.round(rssBytes / 2 ** 20)} MiB`);
  }
  console.log('the audit found:');
  for (const [what, count] of countFindings(report.findings)) console.log(`  ${String(count).padStart(6)} ${what}`);
  for (const finding of report.findings) console.log(`  ${finding}`);
}
process.exitCode = report.findings.length === 0 ? 0 : 1;
