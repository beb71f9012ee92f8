/** Foreign peers, large volumes, many connections, and bad networks. Each in a separate process. */

import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { runChild } from '../helpers/child.js';

const seen = (...args: string[]) => runChild<unknown>('peers.mjs', args);
const script = fileURLToPath(new URL('../children/peers.mjs', import.meta.url));

/** Returns `test` if a program is installed; CI installs all of them. */
const withProgram = (program: string) => (spawnSync('which', [program]).status === 0 ? test : test.skip);

describe('programs', () => {
  withProgram('curl')('curl', async () => {
    expect(await seen('curl')).toEqual({ posted: true, chunked: true, length: '5', kept: '1\n0\n0\n' });
  });

  withProgram('wrk')('wrk', async () => {
    expect(await seen('wrk')).toEqual({ some: true, errors: false });
  });

  withProgram('openssl')('openssl s_client', async () => {
    expect(await seen('openssl s_client')).toEqual({ data: 'hello\n', code: 0 });
  });

  withProgram('nginx')('nginx as a proxy in front', async () => {
    expect(await seen('nginx in front')).toEqual({ status: 200, same: true, sizes: true });
  });

  withProgram('nginx')('nginx as the server behind', async () => {
    expect(await seen('nginx behind')).toEqual({ files: Array.from({ length: 6 }, () => true), native: true });
  });
});

test('a page and its resources load over six connections', async () => {
  expect(await seen('page')).toEqual({ same: true, connections: 6 });
});

test('slow-loris clients are disconnected, and others are served', async () => {
  expect(await seen('slow-loris')).toEqual({ served: ['ok'], answers: ['HTTP/1.1 408 Request Timeout'], thrownOut: 100 });
});

test('requests in random fragments are answered', async () => {
  expect(await seen('fragments')).toEqual({ results: [true] });
});

test('1 GiB is transferred there and back', async () => {
  expect(await seen('volume', '1024')).toEqual({ mebibytes: 1024, same: true });
});

/** Runs a case in a shell, after a setup command. */
async function seenAfter(setup: string, program: string[], ...args: string[]): Promise<unknown> {
  const command = [...program, 'sh', '-c', `${setup} && exec "$@"`, 'sh', process.execPath, script, ...args];
  const { stdout } = await promisify(execFile)(command[0] as string, command.slice(1), { timeout: 280_000 });
  return JSON.parse(stdout);
}

test('10,000 connections are served at once', async () => {
  const count = spawnSync('sh', ['-c', 'ulimit -n 12000'], { stdio: 'ignore' }).status === 0 ? 10_000 : 500;
  // Fewer if the limit cannot be raised.
  const limit = count === 10_000 ? 'ulimit -n 12000' : 'true';
  expect(await seenAfter(limit, [], 'many', `${count}`)).toEqual({ atOnce: count, sums: [count, count], code: 0 });
});

/**
 * A network that loses, delays, and reorders packets. Needs the kernel's sch_netem, and the
 * permission to create a network.
 */
const BAD_LINE = 'ip link set lo up && tc qdisc add dev lo root netem delay 3ms 1ms loss 1% reorder 10%';
const hasNetem = spawnSync('unshare', ['--net', 'sh', '-c', BAD_LINE], { stdio: 'ignore' }).status === 0;

(hasNetem ? test : test.skip)(`bad lines lose no data${hasNetem ? '' : ' (skipped: the kernel has no netem here)'}`, async () => {
  expect(await seenAfter(BAD_LINE, ['unshare', '--net'], 'volume', '4')).toEqual({ mebibytes: 4, same: true });
});
