/**
 * Every function of `uring/fs/promises`, every method of its `FileHandle`, and the callback
 * functions of `uring/fs`, compared with Node's, call by call, in turn, one at a time and with many
 * at once.
 *
 * Each of the concurrent calls works on its own files, and leaves them as it found them. Calls that
 * change a directory are measured together with calls that undo the change.
 */

import fs from 'node:fs';
import nodes from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import ours from 'uring/fs';

const DEPTHS = [1, 16, 64];
const PIECE = 4096;

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const ignore = () => undefined;

/**
 * The measured calls: `run` is called with a module, and with the files and the handle of one of
 * the concurrent calls.
 */
const CALLS = {
  access: (module, { file }) => module.access(file),
  'access, for reading': (module, { file }) => module.access(file, fs.constants.R_OK),
  appendFile: (module, { appended }) => module.appendFile(appended, 'x'),
  'chmod and chown': async (module, { file }) => {
    await module.chmod(file, 0o644);
    await module.chown(file, process.getuid(), process.getgid());
  },
  'copyFile, unlink': async (module, { file, other }) => {
    await module.copyFile(file, other);
    await module.unlink(other);
  },
  'cp, rm': async (module, { file, other }) => {
    await module.cp(file, other);
    await module.rm(other);
  },
  'link, unlink': async (module, { file, other }) => {
    await module.link(file, other);
    await module.unlink(other);
  },
  lstat: (module, { link }) => module.lstat(link),
  'mkdir, rmdir': async (module, { other }) => {
    await module.mkdir(other);
    await module.rmdir(other);
  },
  'mkdtemp, rmdir': async (module, { other }) => module.rmdir(await module.mkdtemp(other)),
  'open, close': async (module, { file }) => (await module.open(file)).close(),
  'open, stat, read, close': async (module, { file, buffer }) => {
    const handle = await module.open(file);
    await handle.stat();
    await handle.read(buffer, 0, PIECE, 0);
    await handle.close();
  },
  opendir: async (module, { directory }) => {
    for await (const entry of await module.opendir(directory)) ignore(entry);
  },
  readFile: (module, { file }) => module.readFile(file),
  'readFile, as text': (module, { file }) => module.readFile(file, 'utf8'),
  readdir: (module, { directory }) => module.readdir(directory),
  readlink: (module, { link }) => module.readlink(link),
  realpath: (module, { link }) => module.realpath(link),
  'rename, twice': async (module, { moved, other }) => {
    await module.rename(moved, other);
    await module.rename(other, moved);
  },
  stat: (module, { file }) => module.stat(file),
  'stat, of what is not there': (module, { nothing }) => module.stat(nothing).catch(ignore),
  statfs: (module, { directory }) => module.statfs(directory),
  'symlink, unlink': async (module, { file, other }) => {
    await module.symlink(file, other);
    await module.unlink(other);
  },
  truncate: (module, { appended }) => module.truncate(appended, 1),
  utimes: (module, { file }) => module.utimes(file, 1, 1),
  writeFile: (module, { written, buffer }) => module.writeFile(written, buffer),
  'handle.appendFile': (_module, { handle }) => handle.appendFile('x'),
  'handle.chmod and chown': async (_module, { handle }) => {
    await handle.chmod(0o644);
    await handle.chown(process.getuid(), process.getgid());
  },
  'handle.datasync': (_module, { handle }) => handle.datasync(),
  'handle.read': (_module, { handle, buffer }) => handle.read(buffer, 0, PIECE, 0),
  'handle.readFile': (_module, { reader }) => reader.readFile(),
  'handle.readv': (_module, { handle, buffer }) => handle.readv([buffer.subarray(0, 2048), buffer.subarray(2048)], 0),
  'handle.stat': (_module, { handle }) => handle.stat(),
  'handle.sync': (_module, { handle }) => handle.sync(),
  'handle.truncate': (_module, { handle }) => handle.truncate(PIECE),
  'handle.utimes': (_module, { handle }) => handle.utimes(1, 1),
  'handle.write': (_module, { handle, buffer }) => handle.write(buffer, 0, PIECE, 0),
  'handle.writeFile': (_module, { reader, buffer }) => reader.writeFile(buffer),
  'handle.writev': (_module, { handle, buffer }) => handle.writev([buffer.subarray(0, 2048), buffer.subarray(2048)], 0),
};

/** The same for callback functions, each of which calls `next` at its end. */
const CALLBACKS = {
  'fs.access': (module, { file }, next) => module.access(file, next),
  'fs.exists': (module, { file }, next) => module.exists(file, next),
  'fs.fstat': (module, { handle }, next) => module.fstat(handle.fd, next),
  'fs.lstat': (module, { link }, next) => module.lstat(link, next),
  'fs.open, fs.close': (module, { file }, next) => module.open(file, (_error, fd) => module.close(fd, next)),
  'fs.open, fstat, read, close': (module, { file, buffer }, next) =>
    module.open(file, (_error, fd) => module.fstat(fd, () => module.read(fd, buffer, 0, PIECE, 0, () => module.close(fd, next)))),
  'fs.read': (module, { handle, buffer }, next) => module.read(handle.fd, buffer, 0, PIECE, 0, next),
  'fs.readFile': (module, { file }, next) => module.readFile(file, next),
  'fs.readFile, as text': (module, { file }, next) => module.readFile(file, 'utf8', next),
  'fs.readdir': (module, { directory }, next) => module.readdir(directory, next),
  'fs.readlink': (module, { link }, next) => module.readlink(link, next),
  'fs.readv': (module, { handle, buffer }, next) =>
    module.readv(handle.fd, [buffer.subarray(0, 2048), buffer.subarray(2048)], 0, next),
  'fs.realpath': (module, { file }, next) => module.realpath(file, next),
  'fs.realpath.native': (module, { link }, next) => module.realpath.native(link, next),
  'fs.stat': (module, { file }, next) => module.stat(file, next),
  'fs.stat, of what is not there': (module, { nothing }, next) => module.stat(nothing, next),
  'fs.write': (module, { handle, buffer }, next) => module.write(handle.fd, buffer, 0, PIECE, 0, next),
  'fs.writeFile': (module, { written, buffer }, next) => module.writeFile(written, buffer, next),
};

/** Creates the files of one of the concurrent calls. */
async function placeFor(module, root) {
  const directory = path.join(root, 'directory');
  await nodes.mkdir(directory, { recursive: true });
  const place = { directory, buffer: Buffer.alloc(PIECE, 1) };
  for (const name of ['file', 'moved', 'appended', 'written', 'other', 'link', 'nothing']) place[name] = path.join(root, name);
  for (const name of ['file', 'moved', 'appended', 'written']) await nodes.writeFile(place[name], place.buffer);
  for (let entry = 0; entry < 20; entry++) await nodes.writeFile(path.join(directory, `${entry}`), '');
  await nodes.symlink('file', place.link);
  const [handled, read] = [path.join(root, 'handled'), path.join(root, 'read')];
  for (const file of [handled, read]) await nodes.writeFile(file, place.buffer);
  place.handle = await module.open(handled, 'r+');
  place.reader = await module.open(read, 'r+');
  return place;
}

/**
 * Repeats a call for a given time, with one concurrent loop for each place.
 *
 * @returns calls per second, and microseconds of CPU for each.
 */
async function rateOf(name, module, places, milliseconds) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  let calls = 0;
  const isOver = () => performance.now() - start >= milliseconds;
  const [call, callback] = [CALLS[name], CALLBACKS[name]];
  const untilOver = async (place) => {
    for (; !isOver(); calls++) await call(module.promises, place);
  };
  const untilOverWithCallbacks = (place) =>
    new Promise((resolve) => {
      const next = () => {
        if (isOver()) return resolve();
        calls++;
        return callback(module, place, next);
      };
      next();
    });
  await Promise.all(places.map(call === undefined ? untilOverWithCallbacks : untilOver));
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (calls * 1000) / (performance.now() - start), cpu: (user + system) / calls };
}

/** @param {{ short: boolean, only?: string }} options only calls whose name begins with `only`. */
export async function fsCalls({ short, only = '' }) {
  const all = Object.keys({ ...CALLS, ...CALLBACKS });
  const names = all.filter((name) => name.startsWith(only));
  if (names.length === 0) throw new Error(`no call begins with '${only}': there are ${all.join('; ')}`);
  const [rounds, milliseconds] = short ? [3, 20] : [7, 150];
  const root = await nodes.mkdtemp(path.join(os.tmpdir(), 'uring-calls-'));
  const sides = { ours, nodes: fs };
  try {
    const places = {};
    for (const [side, module] of Object.entries(sides)) {
      const all = Array.from({ length: Math.max(...DEPTHS) }, (_, index) =>
        placeFor(module.promises, path.join(root, side, `${index}`)),
      );
      places[side] = await Promise.all(all);
    }
    const outcomes = [];
    for (const name of names) {
      for (const depth of DEPTHS) {
        const samples = [];
        for (let round = -1; round < rounds; round++) {
          const sample = {};
          for (const side of round % 2 ? ['nodes', 'ours'] : ['ours', 'nodes'])
            sample[side] = await rateOf(name, sides[side], places[side].slice(0, depth), milliseconds);
          // The first round is for warming up.
          if (round >= 0) samples.push(sample);
          for (const { appended, handle } of [...places.ours, ...places.nodes]) {
            fs.truncateSync(appended, 0);
            fs.ftruncateSync(handle.fd, PIECE);
          }
        }
        outcomes.push({
          ...{ name, depth },
          perSecond: Math.round(median(samples.map(({ ours: { perSecond } }) => perSecond))),
          ratio: median(samples.map((sample) => sample.ours.perSecond / sample.nodes.perSecond)),
          cpu: median(samples.map((sample) => sample.ours.cpu / sample.nodes.cpu)),
        });
      }
    }
    for (const { handle, reader } of [...places.ours, ...places.nodes]) await Promise.all([handle.close(), reader.close()]);
    return { rounds, milliseconds, outcomes };
  } finally {
    await nodes.rm(root, { recursive: true });
  }
}
