/**
 * `npm run oracle`: builds the oracle for the encoders against the installed liburing and writes
 * its output to tests/oracle/liburing.txt. With `--check`, only compares the two.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const directory = mkdtempSync(path.join(os.tmpdir(), 'uring-oracle-'));
try {
  const binary = path.join(directory, 'prep');
  execFileSync('gcc', ['-O1', '-o', binary, 'tests/oracle/prep.c', '-luring'], { stdio: 'inherit' });
  const output = execFileSync(binary, { encoding: 'utf8' });
  if (process.argv.includes('--check')) {
    if (readFileSync('tests/oracle/liburing.txt', 'utf8') !== output) throw new Error('liburing says otherwise by now');
    console.log(`${output.split('\n').length - 1} SQEs as liburing writes them`);
  } else {
    writeFileSync('tests/oracle/liburing.txt', output);
  }
} finally {
  rmSync(directory, { recursive: true });
}
