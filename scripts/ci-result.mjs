/** ci-result.mjs VITEST.json REPORT…: adds up all reports and prints `N passed, N failed`. */
import { readFileSync } from 'node:fs';

const [vitestReport, ...reports] = process.argv.slice(2).map((file) => readFileSync(file, 'utf8'));
const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites, success } =
  JSON.parse(vitestReport);
let passed = numPassedTests;
// A file that could not be loaded has no test to count.
let failed = success ? 0 : Math.max(numFailedTests, Math.min(numFailedTestSuites, 1));
for (const report of reports) {
  const counts = /^(\d+) passed, (\d+) failed$/m.exec(report) ?? [0, 0, 1];
  passed += Number(counts[1]);
  failed += Number(counts[2]);
}

if (numPendingTests > 0) console.log(`${numPendingTests} skipped`);
console.log(`${passed} passed, ${failed} failed`);
