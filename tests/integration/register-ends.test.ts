/**
 * `uring/register` is never in the way: a program ends as it does without, whatever ends it, and
 * debuggers, profilers and watchers work.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { runChild } from '../helpers/child.js';
import { temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { within } from '../helpers/slow.js';

const reason = whyNoRing();
jest.setTimeout(within(120_000));

const FLAG = ['--import', 'uring/register'];
const SCRIPT = fileURLToPath(new URL('../children/register-ends.mjs', import.meta.url));

(reason === undefined ? describe : describe.skip)(`with uring/register${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const { path: directory, remove } = temporaryDirectory();
  fs.writeFileSync(`${directory}/file`, 'content');
  afterAll(remove);

  /** @returns how a program ends: the code, the signal, its output, and the text of its error. */
  function endOf(flags: readonly string[], script: string) {
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, SCRIPT, script, directory], {
      encoding: 'utf8',
      timeout: within(60_000),
    });
    // Node 26 prints errors without a stack in brackets.
    return { status, signal, stdout, error: stderr.match(/^\[?(Error: [^\]\n{]*)/m)?.[1]?.trim() };
  }

  test.each([
    'ends by itself',
    'throws in a callback',
    'rejects without a handler',
    'an exception that is handled',
    'a signal ends it',
    'a signal is handled',
    'aborts',
    'a descriptor is closed behind a reader',
    'profiled',
  ])('a program does and ends the same: %s', (script) => {
    const nodes = endOf([], script);
    expect(endOf(FLAG, script)).toEqual(nodes);
    expect(nodes).not.toEqual({ status: 0, signal: null, stdout: '', error: undefined });
  });

  test('what is pending at process.exit() is lost or done as a whole, and nothing is that was reported', () => {
    const allowed = new Set([undefined, '', 'pending']);
    const contentOf = (path: string) => (fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : undefined);
    for (const flags of [[], FLAG]) {
      for (const name of fs.readdirSync(directory)) if (name !== 'file') fs.rmSync(`${directory}/${name}`);
      expect(endOf(flags, 'pending at exit')).toEqual({ status: 3, signal: null, stdout: '["exit",3]\n', error: undefined });
      expect(contentOf(`${directory}/reported`)).toBe('reported');
      for (let index = 0; index < 8; index++) {
        expect(allowed).toContain(contentOf(`${directory}/pending-${index}`));
        expect(allowed).toContain(contentOf(`${directory}/callback-${index}`));
      }
    }
  });

  test('a debugger stops in a program, looks at its variables, and lets it go on', async () => {
    const debugged = (flags: string[]) =>
      runChild('debug.mjs', [...flags, SCRIPT, 'debugged', directory], ['--experimental-websocket']);
    const nodes = await debugged([]);
    expect(nodes).toEqual({ at: 'debugged', value: 'content', stdout: '"content"\n', code: 0 });
    expect(await debugged(FLAG)).toEqual(nodes);
  });

  test('--cpu-prof and --heap-prof write their profiles', () => {
    const profiles = `${directory}/profiles`;
    const flags = ['--cpu-prof', '--heap-prof', `--diagnostic-dir=${profiles}`];
    const { status } = endOf([...FLAG, ...flags], 'ends by itself');
    const written = fs.readdirSync(profiles).map((name) => {
      JSON.parse(fs.readFileSync(`${profiles}/${name}`, 'utf8'));
      return name.split('.').at(-1);
    });
    expect([status, written.sort()]).toEqual([0, ['cpuprofile', 'heapprofile']]);
    fs.rmSync(profiles, { recursive: true });
  });

  test('--watch starts a program anew when its file changes', async () => {
    const program = `${directory}/watched.cjs`;
    const write = (text: string) =>
      fs.writeFileSync(program, `require('fs').promises.readFile(__filename, 'utf8').then(() => console.log('${text}'));`);
    write('before');
    const child: ChildProcess = spawn(process.execPath, ['--watch', ...FLAG, program], { stdio: ['ignore', 'pipe', 'ignore'] });
    const lines = createInterface(child.stdout as NodeJS.ReadableStream)[Symbol.asyncIterator]();
    const until = async (text: string) => {
      for (let line = await lines.next(); line.value !== text; line = await lines.next()) expect(line.done).toBe(false);
    };
    try {
      await until('before');
      write('after');
      await until('after');
    } finally {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  });
});
