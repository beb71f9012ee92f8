/**
 * `npm run oracle`: builds the oracle for the encoders against the installed liburing and writes
 * its output to tests/oracle/liburing.txt. With `--check`, only compares the two, and the public
 * constants with the system's headers.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const HEADERS = [
  ...['fcntl.h', 'poll.h', 'stdio.h', 'sys/epoll.h', 'sys/mman.h', 'sys/socket.h', 'sys/stat.h', 'sys/uio.h', 'sys/wait.h'],
  ...['sys/xattr.h', 'netinet/in.h', 'netinet/tcp.h', 'netinet/udp.h', 'linux/falloc.h', 'linux/futex.h', 'linux/openat2.h'],
];

/** Those that are members of an enumeration only. All others are macros, which old headers may lack. */
const ENUMERATED = ['P_ALL', 'P_PID', 'P_PGID', 'P_PIDFD'];

const directory = mkdtempSync(path.join(os.tmpdir(), 'uring-oracle-'));

function outputOf(source, ...flags) {
  const binary = path.join(directory, path.basename(source, '.c'));
  execFileSync('gcc', ['-O1', '-o', binary, source, ...flags], { stdio: 'inherit' });
  return execFileSync(binary, { encoding: 'utf8' });
}

async function checkConstants() {
  const { constants } = await import('../dist/index.js');
  const lines = Object.keys(constants).map((name) => {
    const print = `printf("${name} %lld\\n", (long long)(${name}));`;
    return ENUMERATED.includes(name) ? print : `#ifdef ${name}\n${print}\n#endif`;
  });
  const source = path.join(directory, 'constants.c');
  const includes = HEADERS.map((header) => `#include <${header}>`);
  writeFileSync(source, ['#define _GNU_SOURCE', ...includes, 'int main(void) {', ...lines, '}'].join('\n'));
  const values = outputOf(source)
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const wrong = values.filter(([name, value]) => Number(value) !== constants[name]);
  if (wrong.length > 0) throw new Error(`the headers say otherwise: ${wrong.map((each) => each.join(' ')).join(', ')}`);
  console.log(`${values.length} of ${lines.length} constants as the headers have them`);
}

try {
  const output = outputOf('tests/oracle/prep.c', '-luring');
  if (process.argv.includes('--check')) {
    if (readFileSync('tests/oracle/liburing.txt', 'utf8') !== output) throw new Error('liburing says otherwise by now');
    console.log(`${output.split('\n').length - 1} SQEs as liburing writes them`);
    await checkConstants();
  } else {
    writeFileSync('tests/oracle/liburing.txt', output);
  }
} finally {
  rmSync(directory, { recursive: true });
}
