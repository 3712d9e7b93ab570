/** Prints `N passed, N failed, N skipped` from the JSON report of a Vitest run; exits 1 where no test ran. */
import { readFileSync } from 'node:fs';

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('usage: print-test-summary.ts REPORT.json');
const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
const skipped = report.numPendingTests + report.numTodoTests;
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped} skipped`);
if (report.numPassedTests === 0) process.exitCode = 1;
