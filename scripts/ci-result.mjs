/** ci-result.mjs VITEST.json SMOKE: adds up both reports and prints `N passed, N failed`. */
import { readFileSync } from 'node:fs';

const [vitestReport, smokeReport] = process.argv.slice(2).map((file) => readFileSync(file, 'utf8'));
const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites, success } =
  JSON.parse(vitestReport);
const [, passed, failed] = /^(\d+) passed, (\d+) failed$/m.exec(smokeReport) ?? [0, 0, 1];

if (numPendingTests > 0) console.log(`${numPendingTests} skipped`);
// A file that could not be loaded has no test to count.
const failedTests = success ? 0 : Math.max(numFailedTests, Math.min(numFailedTestSuites, 1));
console.log(`${numPassedTests + Number(passed)} passed, ${failedTests + Number(failed)} failed`);
