import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { judge } from './budgets.ts';
import type { Measurement } from './measurement.ts';
import { describeMachine } from './report/machine.ts';
import { writePerformanceDoc } from './report/performance-doc.ts';
import { textBudgets, textTable } from './report/text-report.ts';
import type { Scenario } from './scenario.ts';
import { measureCheck } from './scenarios/check.ts';
import { measureClaims } from './scenarios/claim.ts';
import { measureListing } from './scenarios/listing.ts';
import { measureLarge, measureMemory, measureMixed, measureProcesses, measureSmall } from './scenarios/transfers.ts';

const SCENARIOS: readonly Scenario[] = [
  { name: 'small', description: '40,000 objects of 16 KiB', measure: measureSmall },
  { name: 'mixed', description: 'the installed dependencies, real files of all sizes', measure: measureMixed },
  { name: 'large', description: '8 objects of 256 MiB', measure: measureLarge },
  { name: 'memory', description: '1,800 objects of 60 KB to 24 MiB, 128 under way at a time', measure: measureMemory },
  { name: 'processes', description: '200,000 objects of 16 KiB, by one process and by two', measure: measureProcesses },
  { name: 'listing', description: '1,000,000 keys of one folder, on each side', measure: measureListing },
  { name: 'check', description: '1,000,000 objects on each side, compared', measure: measureCheck },
  { name: 'claim', description: 'claims in tables of 10^4 and 10^6 rows (MariaDB)', measure: measureClaims },
];

const HELP = `npm run bench -- [SCENARIO …] [options]

Measures what moving, listing and comparing costs, beside other programs that are installed, on loopback.

  --quick        a twentieth of each, one round: under a minute, and no judgement of the budgets
  --rounds N     rounds of each scenario, of which the medians count; default 3
  --json FILE    write all figures to a file
  --docs         write the figures and the plot into docs/performance.md
  --help         this text

${SCENARIOS.map(({ name, description }) => `  ${name.padEnd(12)} ${description}`).join('\n')}
`;

const QUICK_HINT = 'A start takes about 0.5 s of CPU: in so short a run it counts more than what is moved.';
const QUICK_SHARE = 0.05;
/** Scenarios that have no share: their size is what it is. */
const NOT_QUICK: ReadonlySet<string> = new Set(['mixed', 'processes']);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
    docs: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const unknown = positionals.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
const rounds = Number(values.rounds);
if (values.help) {
  console.log(HELP);
} else if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  console.error(
    unknown.length > 0 ? `there is no scenario ${unknown.join(', ')}` : '--rounds is a whole number from 1',
  );
  console.error(HELP);
  process.exitCode = 2;
} else {
  await measureAll(rounds);
}

async function measureAll(allRounds: number): Promise<void> {
  const { quick } = values;
  const isWanted = ({ name }: Scenario) =>
    positionals.length > 0 ? positionals.includes(name) : !(quick && NOT_QUICK.has(name));
  const measurements: Measurement[] = [];
  for (const { name, description, measure } of SCENARIOS.filter(isWanted)) {
    console.error(`${name}: ${description}${quick ? ', a twentieth of it' : ''} …`);
    measurements.push(...(await measure(quick ? { share: QUICK_SHARE, rounds: 1 } : { share: 1, rounds: allRounds })));
  }
  const budgets = quick ? [] : judge(measurements);
  console.log(`${textTable(measurements)}\n${quick ? QUICK_HINT : textBudgets(budgets)}`);
  const machine = describeMachine();
  if (values.json !== undefined) {
    await writeFile(values.json, `${JSON.stringify({ machine, measurements, budgets }, null, 2)}\n`);
  }
  if (values.docs) await writePerformanceDoc(machine, measurements, budgets);
  if (budgets.some(({ ratio }) => ratio > 1)) process.exitCode = 1;
}
