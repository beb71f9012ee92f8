/** Datagram sockets in processes of their own. */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { endOfChild } from '../helpers/child.js';

const script = fileURLToPath(new URL('../children/datagrams.mjs', import.meta.url));

/** A network whose interface supports IPv6 groups, which the loopback interface does not. */
const NETWORK = [
  'ip link set lo up',
  'ip link add v0 type veth peer name v1',
  'ip link set v0 addrgenmode none',
  'ip link set v0 up',
  'ip link set v1 up',
  'ip -6 address add fe80::1/64 dev v0 nodad',
].join(' && ');

/**
 * Runs a command in such a network. Returns its output, or `undefined` if no network can be
 * created.
 */
function inNetwork(...command: string[]): string | undefined {
  try {
    execFileSync('unshare', ['--net', 'sh', '-c', NETWORK], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  return execFileSync('unshare', ['--net', 'sh', '-c', `${NETWORK} && exec "$@"`, 'sh', ...command], { encoding: 'utf8' });
}

const canMakeNetworks = inNetwork('true') !== undefined;

(canMakeNetworks ? test : test.skip)('a socket can join a group over IPv6', () => {
  expect(inNetwork(process.execPath, script, 'group')).toBe('all of you from fe80::1\nby one\n');
});

test('a socket that is unreferenced lets the process exit', async () => {
  expect(await endOfChild('datagrams.mjs', ['unref'])).toMatchObject({ code: 0, stdout: 'waiting\n' });
});
