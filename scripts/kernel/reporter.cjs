/** Jest's reporter in the guest: prints each file when it ends, and failures at once. */

const { writeSync } = require('node:fs');

const say = (text) => writeSync(1, `${text}\n`);

module.exports = class Reporter {
  onTestFileStart({ path }) {
    if (process.env.URING_VERBOSE) say(`... ${path.slice('/project/'.length)}`);
  }

  onTestCaseStart(_test, { fullName }) {
    if (process.env.URING_VERBOSE) say(`  - ${fullName}`);
  }

  onTestCaseResult(_test, { status, fullName, duration, failureMessages }) {
    if (status === 'failed') say(`  FAILED ${fullName}\n${failureMessages.join('\n').slice(0, 2000)}`);
    else if (duration > 20_000) say(`  ${(duration / 1000).toFixed(0)} s: ${fullName}`);
  }

  onTestFileResult({ path }, { numPassingTests, numPendingTests, numFailingTests, perfStats, testExecError }) {
    const counts = `${numPassingTests} passed, ${numFailingTests} failed, ${numPendingTests} skipped`;
    say(`${path.slice('/project/'.length)}: ${counts}, ${(perfStats.runtime / 1000).toFixed(0)} s`);
    if (testExecError) say(String(testExecError.stack ?? testExecError.message));
  }
};
