/** The built package: each entry point is loaded by its name, in a process of its own. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const run = promisify(execFile);

async function printed(code: string): Promise<unknown> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code]);
  return JSON.parse(stdout);
}

test.each(['fs', 'fs/promises', 'net', 'http', 'https', 'dgram'])(
  'uring/%s exports every name of its Node module',
  async (name) => {
    const missing = await printed(`
    import * as nodes from 'node:${name}';
    import * as ours from 'uring/${name}';
    const missing = Object.keys(nodes).filter((name) => !(name in ours));
    console.log(JSON.stringify([missing, Object.keys(nodes.default).filter((name) => !(name in ours.default))]));`);
    expect(missing).toEqual([[], []]);
  },
);

test('entry points share their modules', async () => {
  const shared = await printed(`
    import { Uring } from 'uring';
    import { promises } from 'uring/fs';
    import * as fs from 'uring/fs/promises';
    import net from 'uring/net';
    import { register } from 'uring/register/api';
    const server = new net.Server({ uring: 1, pauseOnConnect: true });
    console.log(JSON.stringify([promises.stat === fs.stat, typeof Uring.default, typeof register, server instanceof net.Server]));`);
  expect(shared).toEqual([true, 'function', 'function', true]);
});

test('functions and classes keep their names in the built files', async () => {
  const names = await printed(`
    import { Uring, URingContext } from 'uring';
    import * as callbacks from 'uring/fs';
    import * as promises from 'uring/fs/promises';
    import { Socket, Server } from 'uring/net';
    const all = [Uring, URingContext, callbacks.readFile, callbacks.open, promises.readFile, promises.open, Socket, Server];
    console.log(JSON.stringify(all.map(({ name }) => name)));`);
  expect(names).toEqual(['Uring', 'URingContext', 'readFile', 'open', 'readFile', 'open', 'Socket', 'Server']);
});
