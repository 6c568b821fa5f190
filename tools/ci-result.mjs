// Adds up vitest's JSON reports and prints 'N passed, N failed'. A suite that is missing or ran no test is a failure, and
// so is a test that was skipped.
import { readFile } from 'node:fs/promises';
import process from 'node:process';

let passed = 0;
let failed = 0;
let skipped = 0;
let complete = true;
for (const file of process.argv.slice(2)) {
  const report = JSON.parse(await readFile(file, 'utf8'));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  skipped += report.numTotalTests - report.numPassedTests - report.numFailedTests;
  if (!report.success || report.numPassedTests === 0) {
    console.error(`${file} is not the report of a suite that ran and passed.`);
    complete = false;
  }
}
if (skipped > 0) console.error(`${skipped} tests were skipped; none may be.`);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = complete && failed === 0 && skipped === 0 ? 0 : 1;
