/**
 * Runs the tests under another kernel: `npm run test:kernel -- 6.1 [arguments for jest]`. Uses
 * Debian's cloud kernel of that series, in QEMU, on an emulated processor. Kernels are kept in the
 * user's cache folder. Nothing is written into the repository except, on request, the results.
 */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { find, install, kernel } from './kernel/debian.mjs';
import { makeDisk } from './kernel/disk.mjs';
import { runMachine } from './kernel/machine.mjs';

const [series, jestArguments, { limit, results, verbose }] = (() => {
  const program = new Command('test:kernel')
    .argument('<series>', 'the kernel: 6.1, 6.12')
    .argument('[jest...]', 'arguments for jest: files, -t pattern')
    .option('--limit <minutes>', 'how long the tests may take', Number, 20)
    .option('--results <file>', "where jest's results go, as JSON")
    .option('--verbose', 'tell of each test as it begins: the last one told of is the one that hangs')
    .passThroughOptions()
    .parse();
  return [program.args[0], program.args.slice(1), program.opts()];
})();

install({ 'qemu-system-x86_64': 'qemu-system-x86', busybox: 'busybox-static', mke2fs: 'e2fsprogs' });
const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'uring', 'kernels');
const image = kernel(series, cache);
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'uring-guest-'));
try {
  const disk = path.join(scratch, 'disk.img');
  const jest = ['node_modules/jest/bin/jest.js', '--json', '--outputFile=/project/results.json'];
  const command = ['/bin/node', '--experimental-vm-modules', '--disable-warning=ExperimentalWarning', ...jest, ...jestArguments];
  await makeDisk(disk, { scratch, command, limitSeconds: limit * 60, verbose });
  await runMachine({ kernel: image, image: disk, limitMs: (limit * 60 + 60) * 1000 });
  execFileSync(find('debugfs'), ['-R', `rdump /results ${scratch}`, disk], { stdio: 'ignore' });
  const output = path.join(scratch, 'results', 'results.json');
  if (!fs.existsSync(output)) throw new Error('the tests did not come to their end');
  const { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites } = JSON.parse(
    fs.readFileSync(output, 'utf8'),
  );
  console.log(`${path.basename(image)}: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
  if (results !== undefined) fs.copyFileSync(output, results);
  if (numFailedTests > 0 || numRuntimeErrorTestSuites > 0) process.exitCode = 1;
} finally {
  fs.rmSync(scratch, { recursive: true });
}
