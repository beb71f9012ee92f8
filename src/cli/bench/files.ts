/**
 * `uring bench files`: the same files, offsets and buffers through `uring/fs` and through Node.
 *
 * @module
 */

import fs from 'node:fs';
import nodeFs, { type FileHandle as NodeHandle } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Uring } from '../../engine/index.js';
import { createReadStream, createWriteStream } from '../../fs/index.js';
import * as promises from '../../fs/promises.js';
import type { Side, Work } from './measure.js';

/** The functions with promises, and the streams. */
const uringFs = { ...promises, createReadStream, createWriteStream };

const BLOCK = 4096;
const FILE_SIZE = 64 * 1024 * 1024;

/** The number of files that are read, of files that are written, and of calls at once. */
const SMALL_FILES = 5000;
const NEW_FILES = 2000;
const AT_ONCE = 64;

/** The depth of the O_DIRECT reads. */
const DIRECT_DEPTH = 32;

/** The number of ranges that one call reads. */
const RANGES = 128;
const DIRECT_RANGES = 1000;

const NODE = 'node:fs/promises';

/** The amount of work, and where it is done. */
export interface FilesOptions {
  /** The directory in which the files are created. */
  readonly directory?: string | undefined;
  /** Less of everything, to check that it works. */
  readonly short?: boolean | undefined;
}

/** Creates the files, and returns the works to be done with them. */
export async function filesWorks(options: FilesOptions): Promise<{ readonly works: Work[]; remove(): void }> {
  const root = fs.mkdtempSync(path.join(options.directory ?? os.tmpdir(), 'uring-bench-'));
  const short = options.short === true;
  const remove = () => fs.rmSync(root, { recursive: true, force: true });
  try {
    const works = [
      ...(await readWorks(root, short)),
      smallFiles(root, short),
      newFiles(root, short),
      ...(await directReads(root, short)),
      stream(root, short),
    ];
    return { works, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Reads cached blocks at random offsets, and awaits each read. */
async function readWorks(root: string, short: boolean): Promise<Work[]> {
  const file = path.join(root, 'blocks');
  const content = Buffer.allocUnsafe(FILE_SIZE);
  // Each block contains its own number, so that every read can be checked.
  for (let at = 0; at < FILE_SIZE; at += BLOCK) content.fill((at / BLOCK) & 0xff, at, at + BLOCK);
  fs.writeFileSync(file, content);
  const offsets = randomOffsets(FILE_SIZE, 1 << 14);
  const [ours, theirs] = [await uringFs.open(file), await nodeFs.open(file)];
  const fd = fs.openSync(file, 'r');
  // One for each depth, and one for the ranges.
  let open = 4;
  const close = async () => {
    if (--open > 0) return;
    await ours.close();
    await theirs.close();
    fs.closeSync(fd);
  };
  const works: Work[] = [1, 16, 128].map((depth) => {
    const buffers = Array.from({ length: depth }, () => Buffer.alloc(BLOCK));
    // Enough for a slice to take about a quarter of a second.
    const count = (depth === 1 ? 60_000 : 120_000) / (short ? 10 : 1);
    const sides: Side[] = [
      { name: 'uring/fs', run: () => readLoop(ours as unknown as NodeHandle, buffers, offsets, count) },
      { name: NODE, run: () => readLoop(theirs, buffers, offsets, count / (depth === 1 ? 12 : 4)) },
    ];
    if (depth === 128) sides.push({ name: 'fs.readSync', run: () => readSyncLoop(fd, buffers, offsets, count) });
    const modern = Number.parseInt(process.versions.node, 10) >= 22;
    return {
      id: `read-${depth}`,
      title: `FileHandle.read of 4 KiB, cached, ${depth} at once`,
      unit: 'reads',
      sides,
      targets: depth === 1 ? { [NODE]: 10 } : { [NODE]: modern ? 2.5 : 5, ...(depth === 128 ? { 'fs.readSync': 0.9 } : {}) },
      close,
    };
  });
  const buffers = Array.from({ length: RANGES }, () => Buffer.alloc(BLOCK));
  const count = 120_000 / (short ? 10 : 1);
  works.push({
    id: 'ranges',
    title: `FileHandle.readMany of ${RANGES} ranges of 4 KiB, cached`,
    unit: 'reads',
    sides: [
      { name: 'uring/fs', run: () => readRangesLoop(ours, Buffer.alloc(RANGES * BLOCK), offsets, count) },
      { name: 'fs.readSync', run: () => readSyncLoop(fd, buffers, offsets, count) },
      { name: NODE, run: () => readLoop(theirs, buffers, offsets, count / 4) },
    ],
    targets: { 'fs.readSync': 1.1 },
    close,
  });
  return works;
}

/** Reads as many ranges at once as fit in the memory. */
async function readRangesLoop(handle: promises.FileHandle, into: Buffer, offsets: Uint32Array, count: number): Promise<number> {
  const ranges = new Float64Array((2 * into.length) / BLOCK);
  let next = 0;
  while (next < count) {
    for (let at = 0; at < ranges.length; at += 2, next++) {
      ranges[at] = (offsets[next & (offsets.length - 1)] as number) * BLOCK;
      ranges[at + 1] = BLOCK;
    }
    const { results } = await handle.readMany(ranges, into);
    for (const [index, bytes] of results.entries()) {
      check(bytes, into.subarray(index * BLOCK, (index + 1) * BLOCK), (ranges[2 * index] as number) / BLOCK);
    }
  }
  return next;
}

async function readLoop(handle: NodeHandle, buffers: Buffer[], offsets: Uint32Array, count: number): Promise<number> {
  let next = 0;
  await Promise.all(
    buffers.map(async (buffer) => {
      while (next < count) {
        const block = offsets[next++ & (offsets.length - 1)] as number;
        const { bytesRead } = await handle.read(buffer, 0, BLOCK, block * BLOCK);
        check(bytesRead, buffer, block);
      }
    }),
  );
  return next;
}

function readSyncLoop(fd: number, buffers: Buffer[], offsets: Uint32Array, count: number): number {
  for (let next = 0; next < count; next++) {
    const buffer = buffers[next % buffers.length] as Buffer;
    const block = offsets[next & (offsets.length - 1)] as number;
    check(fs.readSync(fd, buffer, 0, BLOCK, block * BLOCK), buffer, block);
  }
  return count;
}

function check(bytes: number, buffer: Buffer, block: number): void {
  if (bytes !== BLOCK || buffer[0] !== (block & 0xff) || buffer[BLOCK - 1] !== (block & 0xff)) {
    throw new Error(`block ${block} was read wrongly`);
  }
}

/**
 * Reads whole small files, as in a tree of modules: most of a few kilobytes, some of tens of
 * kilobytes.
 */
function smallFiles(root: string, short: boolean): Work {
  const directory = path.join(root, 'small');
  fs.mkdirSync(directory);
  const names: string[] = [];
  let bytes = 0;
  for (let index = 0; index < SMALL_FILES / (short ? 10 : 1); index++) {
    const size = 200 + ((index * 7919) % 4000) + (index % 10 === 0 ? (index * 104_729) % 40_000 : 0);
    const name = path.join(directory, `file-${index}`);
    fs.writeFileSync(name, Buffer.alloc(size, index));
    names.push(name);
    bytes += size;
  }
  const readAll = async (readFile: (name: string) => Promise<Buffer>) => {
    let total = 0;
    await atOnce(names, async (name) => {
      const { length } = await readFile(name);
      total += length;
    });
    if (total !== bytes) throw new Error(`${total} bytes instead of ${bytes}`);
    return names.length;
  };
  return {
    id: 'read-file',
    title: `readFile of ${names.length} small files, ${AT_ONCE} at once`,
    unit: 'files',
    sides: [
      { name: 'uring/fs', run: () => readAll((name) => uringFs.readFile(name)) },
      { name: NODE, run: () => readAll((name) => nodeFs.readFile(name)) },
      {
        name: 'fs.readFileSync',
        run: () => {
          let total = 0;
          for (const name of names) total += fs.readFileSync(name).length;
          if (total !== bytes) throw new Error(`${total} bytes instead of ${bytes}`);
          return names.length;
        },
      },
    ],
    targets: { [NODE]: 6, 'fs.readFileSync': 1 },
  };
}

/** Writes new files. */
function newFiles(root: string, short: boolean): Work {
  const content = Buffer.alloc(BLOCK, 1);
  let run = 0;
  const writeAll = async (writeFile: (name: string, content: Buffer) => Promise<void>) => {
    const directory = path.join(root, `new-${run++}`);
    fs.mkdirSync(directory);
    const names = Array.from({ length: NEW_FILES / (short ? 10 : 1) }, (_, index) => path.join(directory, `file-${index}`));
    await atOnce(names, (name) => writeFile(name, content));
    return names.length;
  };
  return {
    id: 'write-file',
    title: `writeFile of ${NEW_FILES / (short ? 10 : 1)} new files of 4 KiB, ${AT_ONCE} at once`,
    unit: 'files',
    sides: [
      { name: 'uring/fs', run: () => writeAll(uringFs.writeFile) },
      { name: NODE, run: () => writeAll((name, data) => nodeFs.writeFile(name, data)) },
    ],
    targets: { [NODE]: 1.3 },
  };
}

/**
 * Reads at random past the page cache, where the file system supports that. (`npm run bench`
 * compares it with fio.)
 */
async function directReads(root: string, short: boolean): Promise<Work[]> {
  const file = path.join(root, 'direct');
  fs.copyFileSync(path.join(root, 'blocks'), file);
  const sync = fs.openSync(file, 'r');
  fs.fsyncSync(sync);
  fs.closeSync(sync);
  const offsets = randomOffsets(FILE_SIZE, 1 << 14);
  const flags = fs.constants.O_RDONLY | fs.constants.O_DIRECT;
  const opened = await Promise.all([uringFs.open(file, flags), nodeFs.open(file, flags)]).catch((error) => {
    if ((error as { code?: string }).code === 'EINVAL') return undefined;
    throw error;
  });
  if (opened === undefined) return [];
  const [ours, theirs] = opened;
  // Aligned, because Node passes memory on as it is.
  const { bytes } = Uring.default().buffers.allocate(DIRECT_DEPTH * BLOCK);
  const aligned = Array.from({ length: DIRECT_DEPTH }, (_, index) =>
    Buffer.from(bytes.buffer, bytes.byteOffset + index * BLOCK, BLOCK),
  );
  const pooled = Uring.default().buffers.allocate(DIRECT_RANGES * BLOCK).bytes;
  const many = Buffer.from(pooled.buffer, pooled.byteOffset, pooled.length);
  const count = short ? 2000 : 20_000;
  const work: Work = {
    id: 'direct',
    title: `O_DIRECT reads of 4 KiB at random, ${DIRECT_DEPTH} at once`,
    unit: 'reads',
    sides: [
      { name: 'uring/fs', run: () => readLoop(ours as unknown as NodeHandle, aligned, offsets, count) },
      { name: NODE, run: () => readLoop(theirs, aligned, offsets, count) },
      { name: 'uring/fs readMany', run: () => readRangesLoop(ours, many, offsets, count) },
    ],
    close: async () => {
      await ours.close();
      await theirs.close();
    },
  };
  return [work];
}

/** Reads a large file as a stream. */
function stream(root: string, short: boolean): Work {
  const file = path.join(root, 'large');
  const size = short ? 64 * 1024 * 1024 : 1024 * 1024 * 1024;
  const fd = fs.openSync(file, 'w');
  const piece = Buffer.alloc(1024 * 1024, 7);
  for (let at = 0; at < size; at += piece.length) fs.writeSync(fd, piece);
  fs.closeSync(fd);
  const consume = async (source: fs.ReadStream) => {
    let bytes = 0;
    for await (const chunk of source) bytes += (chunk as Buffer).length;
    if (bytes !== size) throw new Error(`${bytes} bytes instead of ${size}`);
    return bytes / 1e6;
  };
  return {
    id: 'stream',
    title: `createReadStream of ${size / 1024 / 1024} MiB, cached`,
    unit: 'megabytes',
    rounds: 3,
    sides: [
      { name: 'uring/fs', run: () => consume(uringFs.createReadStream(file)) },
      { name: 'node:fs', run: () => consume(fs.createReadStream(file)) },
    ],
    targets: { 'node:fs': 3 },
  };
}

async function atOnce(names: readonly string[], body: (name: string) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < names.length) await body(names[next++] as string);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Returns blocks in an order that read-ahead cannot predict, the same for all sides. */
function randomOffsets(size: number, count: number): Uint32Array {
  const blocks = size / BLOCK;
  let state = 12_345;
  return Uint32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % blocks;
  });
}
