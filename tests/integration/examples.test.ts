/** The examples run, and do what they say. */

import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from '@jest/globals';
import { temporaryDirectory, whyNoRing } from '../helpers/linux.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

const fileOf = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
const run = async (name: string, ...args: string[]) =>
  (await promisify(execFile)(process.execPath, [fileOf(name), ...args])).stdout;

onLinux(`examples${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const directory = temporaryDirectory();
  afterAll(() => directory.remove());

  test('read-a-tree', async () => {
    fs.mkdirSync(`${directory.path}/tree/deep`, { recursive: true });
    fs.writeFileSync(`${directory.path}/tree/a`, 'one\ntwo');
    fs.writeFileSync(`${directory.path}/tree/deep/b`, 'three');
    expect(await run('read-a-tree.mjs', `${directory.path}/tree`)).toBe('2 files, 3 lines\n');
  });

  test('copy-with-progress', async () => {
    const source = directory.file(Buffer.alloc(3_000_000, 5));
    expect(await run('copy-with-progress.mjs', source, `${source}-copy`)).toBe('3000000 bytes copied\n');
    expect(fs.readFileSync(`${source}-copy`).equals(fs.readFileSync(source))).toBe(true);
  });

  test('tail', async () => {
    const file = directory.file('first\n');
    const child = spawn(process.execPath, [fileOf('tail.mjs'), file], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    const closed = new Promise((resolve) => child.on('close', resolve));
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (data) => {
        output += data;
        resolve();
      });
    });
    fs.appendFileSync(file, 'second\n');
    fs.appendFileSync(file, 'end\n');
    expect(await closed).toBe(0);
    expect(output).toBe('first\nsecond\nend\n');
  });

  test('replace-safely', async () => {
    const file = directory.file('old');
    const output = await run('replace-safely.mjs', file, 'new content');
    expect(output).toBe('open done\nwrite done\nfsync done\nclose done\nrename done\n');
    expect(fs.readFileSync(file, 'utf8')).toBe('new content');
    expect(fs.readdirSync(directory.path).some((name) => name.endsWith('.tmp'))).toBe(false);
  });
});

test('test-with-chaos, which needs no Linux', async () => {
  expect(await run('test-with-chaos.mjs')).toMatch(/^hasty: bytes are lost with seed \d+\ncareful: 100 seeds, nothing lost\n$/);
});
