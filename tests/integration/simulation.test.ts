/**
 * `simulate()` of `uring/testing`: the same calls on a simulated disk and on Node's, compared; and
 * what only a simulated disk can do.
 */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import nodePromises from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Opcode } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { type SimulateOptions, simulate } from '../../src/testing.js';
import { temporaryDirectory } from '../helpers/linux.js';

type Promises = typeof nodePromises;

const ended: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) await end();
});

const simulated = (options: SimulateOptions = {}) => {
  const simulation = simulate(options);
  ended.push(() => simulation.end());
  return simulation;
};

/** Programs of functions and files below a directory; what they return is compared. */
const PROGRAMS: Record<string, (promises: Promises, directory: string) => Promise<unknown>> = {
  async 'whole files'(promises, directory) {
    const file = path.join(directory, 'a');
    await promises.writeFile(file, 'grüße');
    await promises.appendFile(file, Buffer.from(' und'));
    await promises.writeFile(`${file}2`, ['one', Buffer.from('two')], { flush: true });
    return [
      await promises.readFile(file, 'utf8'),
      await promises.readFile(Buffer.from(file)),
      await promises.readFile(new URL(`file://${file}2`), { encoding: 'latin1' }),
    ];
  },
  async 'a file handle'(promises, directory) {
    const handle = await promises.open(path.join(directory, 'a'), 'w+');
    const seen: unknown[] = [];
    const { bytesWritten } = await handle.write('0123456789');
    seen.push(
      bytesWritten,
      (await handle.write(Buffer.from('ab'), 0, 2, 4)).bytesWritten,
      (await handle.write('XY', 8)).bytesWritten,
    );
    const buffer = Buffer.alloc(6);
    seen.push((await handle.read(buffer, 1, 5, 2)).bytesRead, buffer.toString());
    seen.push((await handle.read({ buffer, position: 8 })).bytesRead, (await handle.read(buffer, { position: 100 })).bytesRead);
    seen.push((await handle.writev([Buffer.from('q'), Buffer.from('rs')], 0)).bytesWritten);
    seen.push((await handle.readv([Buffer.alloc(2), Buffer.alloc(3)], 0)).bytesRead, (await handle.stat()).size);
    await handle.truncate(4);
    await handle.datasync();
    await handle.sync();
    seen.push((await handle.stat({ bigint: true })).size, await handle.readFile('utf8'));
    await handle.close();
    await handle.close();
    seen.push(handle.fd);
    return seen;
  },
  async directories(promises, directory) {
    const at = (...names: string[]) => path.join(directory, ...names);
    await promises.mkdir(at('one'));
    const first = await promises.mkdir(at('one', 'two', 'three'), { recursive: true });
    const again = await promises.mkdir(at('one', 'two'), { recursive: true });
    await promises.writeFile(at('one', 'file'), 'x');
    await promises.symlink('file', at('one', 'link'));
    const kinds = (await promises.readdir(at('one'), { withFileTypes: true }))
      .map((entry) => [entry.name, entry.isFile(), entry.isDirectory(), entry.isSymbolicLink()])
      .sort();
    const names = (await promises.readdir(at('one'), { recursive: true })).sort();
    await promises.rm(at('one'), { recursive: true });
    return [first?.replace(directory, ''), again, kinds, names, await promises.readdir(directory)];
  },
  async names(promises, directory) {
    const at = (name: string) => path.join(directory, name);
    await promises.writeFile(at('a'), 'content');
    await promises.rename(at('a'), at('b'));
    await promises.link(at('b'), at('c'));
    await promises.symlink('c', at('d'));
    await promises.copyFile(at('d'), at('e'));
    await promises.truncate(at('e'), 3);
    const stats = [await promises.stat(at('d')), await promises.lstat(at('d'))];
    const seen = [
      await promises.readlink(at('d')),
      await promises.readFile(at('e'), 'utf8'),
      ...stats.map((each) => [each.isFile(), each.isSymbolicLink(), each.size, each.nlink, each instanceof fs.Stats]),
    ];
    await promises.access(at('d'));
    await promises.unlink(at('b'));
    await promises.rm(at('nothing'), { force: true });
    return [...seen, (await promises.readdir(directory)).sort()];
  },
  async errors(promises, directory) {
    const at = (name: string) => path.join(directory, name);
    await promises.writeFile(at('file'), '');
    await promises.mkdir(at('full/inner'), { recursive: true });
    const closed = await promises.open(at('file'));
    await closed.close();
    const calls: (() => Promise<unknown>)[] = [
      () => promises.readFile(at('nothing')),
      () => promises.open(at('file'), 'wx'),
      () => promises.stat(at('nothing')),
      () => promises.lstat(at('file/below')),
      () => promises.access(at('nothing')),
      () => promises.rename(at('nothing'), at('other')),
      () => promises.link(at('nothing'), at('other')),
      () => promises.symlink('any', at('file')),
      () => promises.mkdir(at('file')),
      () => promises.mkdir(at('file/below'), { recursive: true }),
      () => promises.rmdir(at('full')),
      () => promises.unlink(at('nothing')),
      () => promises.rm(at('nothing')),
      () => promises.readdir(at('file')),
      () => promises.readdir(at('nothing')),
      () => promises.readlink(at('file')),
      () => promises.copyFile(at('file'), at('file'), fs.constants.COPYFILE_EXCL),
      () => closed.stat(),
    ];
    const seen: unknown[] = [];
    for (const call of calls) {
      const error = await call().then(
        () => 'no error',
        ({ message, code, syscall }: NodeJS.ErrnoException) => [message.replaceAll(directory, ''), code, syscall],
      );
      seen.push(error);
    }
    return seen;
  },
};

describe('a simulated disk', () => {
  const directories: { remove(): void }[] = [];
  afterEach(() => {
    for (const directory of directories.splice(0)) directory.remove();
  });

  test.each(Object.keys(PROGRAMS))('does what Node does: %s', async (name) => {
    const program = PROGRAMS[name] as (promises: Promises, directory: string) => Promise<unknown>;
    const real = temporaryDirectory();
    directories.push(real);
    const nodes = await program(nodePromises, real.path);
    const { promises } = simulated();
    await promises.mkdir('/disk');
    expect(await program(promises, '/disk')).toEqual(nodes);
  });

  test('stands for a part of the file system, for programs that know nothing of it', async () => {
    const { kernel } = simulated({ at: '/uring-simulated/data' });
    const real = temporaryDirectory();
    directories.push(real);
    await nodePromises.writeFile('/uring-simulated/data/file', 'simulated');
    await nodePromises.writeFile(path.join(real.path, 'file'), 'real');
    const { readFile } = nodePromises;
    expect([await readFile('/uring-simulated/data/file', 'utf8'), await readFile(path.join(real.path, 'file'), 'utf8')]).toEqual([
      'simulated',
      'real',
    ]);
    expect(Buffer.from(kernel.fileAt('/uring-simulated/data/file') as Uint8Array).toString()).toBe('simulated');
    const moved = nodePromises.rename('/uring-simulated/data/file', path.join(real.path, 'moved'));
    await expect(moved).rejects.toThrow(expect.objectContaining({ code: 'EXDEV' }));
    await expect(nodePromises.chmod('/uring-simulated/data/file', 0o600)).rejects.toThrow('fs.promises.chmod is not simulated');
    const relative = path.relative(process.cwd(), '/uring-simulated/data/file');
    expect((await nodePromises.stat(relative)).size).toBe(9);
    const handle = await nodePromises.open('/uring-simulated/data/file');
    expect(await nodePromises.readFile(handle, 'utf8')).toBe('simulated');
    await handle.close();
  });

  test('reaches named imports, and callers that required the module', () => {
    const code = `
      import { readFile, writeFile } from 'node:fs/promises';
      import { createRequire } from 'node:module';
      import { simulate } from 'uring/testing';
      const disk = simulate({ at: '/uring-simulated' });
      disk.kernel.limitDisk(3);
      await writeFile('/uring-simulated/file', 'abc');
      const text = await createRequire(import.meta.url)('fs').promises.readFile('/uring-simulated/file', 'utf8');
      const { code } = await writeFile('/uring-simulated/other', 'd').catch((error) => error);
      await disk.end();
      const { code: after } = await readFile('/uring-simulated/file').catch((error) => error);
      console.log(JSON.stringify([text, code, after]));`;
    const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' });
    expect(JSON.parse(printed)).toEqual(['abc', 'ENOSPC', 'ENOENT']);
  });

  test('reaches programs that use uring/fs/promises, by whatever name and with file handles', () => {
    const code = `
      import * as all from 'uring/fs/promises';
      import promises, { open, readFile, rename, stat, writeFile } from 'uring/fs/promises';
      import { createRequire } from 'node:module';
      import { simulate } from 'uring/testing';
      const disk = simulate({ at: '/uring-simulated' });
      disk.kernel.limitDisk(3);
      await writeFile('/uring-simulated/file', 'abc');
      await rename('/uring-simulated/file', '/uring-simulated/moved');
      const handle = await open('/uring-simulated/moved');
      const seen = [
        await readFile(handle, 'utf8'),
        (await stat('/uring-simulated/moved')).size,
        await promises.readdir('/uring-simulated'),
        await all.readFile('/uring-simulated/moved', 'utf8'),
        await createRequire(import.meta.url)('uring/fs').promises.readFile('/uring-simulated/moved', 'utf8'),
        (await writeFile('/uring-simulated/other', 'd').catch((error) => error)).code,
        (await readFile('/proc/self/comm', 'utf8')).trim(),
      ];
      await handle.close();
      await disk.end();
      seen.push((await readFile('/uring-simulated/moved').catch((error) => error)).code);
      console.log(JSON.stringify(seen));`;
    const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' });
    expect(JSON.parse(printed)).toEqual(['abc', 3, ['moved'], 'abc', 'abc', 'ENOSPC', 'node', 'ENOENT']);
  });

  test('several disks can be simulated at a time, and the end of one leaves the others', async () => {
    const { writeFile } = nodePromises;
    const [one, two] = [simulated({ at: '/uring-simulated/one' }), simulated({ at: '/uring-simulated/two' })];
    for (const name of ['one', 'two']) await nodePromises.writeFile(`/uring-simulated/${name}/file`, name);
    expect(await nodePromises.readFile('/uring-simulated/one/file', 'utf8')).toBe('one');
    const moved = nodePromises.rename('/uring-simulated/one/file', '/uring-simulated/two/moved');
    await expect(moved).rejects.toThrow(expect.objectContaining({ code: 'EXDEV' }));
    await one.end();
    expect(await nodePromises.readFile('/uring-simulated/two/file', 'utf8')).toBe('two');
    await expect(nodePromises.stat('/uring-simulated/one/file')).rejects.toThrow('ENOENT');
    await two.end();
    expect(nodePromises.writeFile).toBe(writeFile);
  });

  test('puts Node’s functions back at the end', async () => {
    const { writeFile } = nodePromises;
    const simulation = simulated({ at: '/uring-simulated' });
    expect(nodePromises.writeFile).not.toBe(writeFile);
    await simulation.end();
    await simulation.end();
    expect(nodePromises.writeFile).toBe(writeFile);
    await expect(nodePromises.readFile('/uring-simulated/file')).rejects.toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  test('is full, read-only, or fails in the middle, as a test wants', async () => {
    const { kernel, promises } = simulated();
    kernel.limitDisk(1000);
    await promises.writeFile('/small', 'x'.repeat(600));
    await expect(promises.writeFile('/large', 'x'.repeat(600))).rejects.toThrow('ENOSPC: no space left on device, write');
    // As on a real disk, what fitted was written.
    expect((await promises.stat('/large')).size).toBe(400);
    kernel.setReadOnly(true);
    await expect(promises.unlink('/small')).rejects.toThrow("EROFS: read-only file system, unlink '/small'");
    kernel.setReadOnly(false);
    kernel.interceptOperations(({ opcode }) => (opcode === Opcode.FSYNC ? -Errno.EIO : undefined));
    const handle = await promises.open('/small', 'r+');
    await expect(handle.sync()).rejects.toThrow('EIO: i/o error, fsync');
    await handle.close();
  });

  test('writes and reads in short pieces, with chaos, and nothing is lost', async () => {
    const { promises } = simulated({ chaos: { seed: 7 } });
    const content = Buffer.alloc(300_000, 'uring');
    await promises.writeFile('/file', content);
    expect((await promises.readFile('/file')).equals(content)).toBe(true);
  });

  test('refuses what makes no sense', async () => {
    expect(() => simulate({ at: 'relative' })).toThrow("The property 'options.at' must be an absolute path");
    expect(() => simulate({ at: 1 as never })).toThrow('The "options.at" argument must be of type string');
    const { promises } = simulated();
    await expect(promises.readFile('a\0b')).rejects.toThrow(TypeError);
    await expect(promises.open('/a', 'nonsense')).rejects.toThrow(TypeError);
    await expect(promises.writeFile('/a', '', { encoding: 'nonsense' as never })).rejects.toThrow(TypeError);
    await expect(promises.writeFile('/a', 5 as never)).rejects.toThrow(TypeError);
    const handle = await promises.open('/a', 'w+');
    await expect(handle.read(Buffer.alloc(4), 2, 3)).rejects.toThrow(RangeError);
    await handle.close();
    const controller = new AbortController();
    controller.abort();
    await expect(promises.readFile('/a', { signal: controller.signal })).rejects.toThrow(
      expect.objectContaining({ code: 'ABORT_ERR' }),
    );
  });
});
