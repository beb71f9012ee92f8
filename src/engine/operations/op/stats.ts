/**
 * Conversion of `struct statx` to Node's own stat objects.
 *
 * The prototypes are Node's, so `instanceof fs.Stats` holds and every method is present. Their
 * constructors are not used: they are deprecated, and whether the dates are properties or getters
 * differs between versions.
 *
 * @module
 */

import type { BigIntStats, Stats } from 'node:fs';
import { Statx } from '../../../linux.js';
import { node } from '../../../node-fs.js';
import type { Block } from '../../memory/pool.js';

const TIMES = ['atime', 'mtime', 'ctime', 'birthtime'] as const;

const TIME_OFFSETS = [Statx.ATIME, Statx.MTIME, Statx.CTIME, Statx.BTIME];

interface Shape {
  readonly prototype: object;
  /** Whether this version of Node has the dates as own properties. */
  readonly ownDates: boolean;
  /**
   * The symbols under which newer versions keep parts of the nanoseconds, in the order of
   * {@link TIMES}.
   */
  readonly nanoseconds: readonly (symbol | undefined)[];
}

let plainShape: Shape | undefined;
let bigShape: Shape | undefined;

function shapeOf(template: object): Shape {
  const symbols = Object.getOwnPropertySymbols(template);
  return {
    prototype: Object.getPrototypeOf(template) as object,
    ownDates: Object.hasOwn(template, 'atime'),
    nanoseconds: TIMES.map((name) => symbols.find(({ description }) => description?.toLowerCase().includes(`partial${name}`))),
  };
}

/**
 * Returns a stat object created by Node, of any open descriptor: unlike paths, descriptors are not
 * subject to the permission model.
 */
function anyStats(bigint: boolean): object {
  for (let fd = 0; ; fd++) {
    try {
      return node.fstatSync(fd, { bigint });
    } catch (error) {
      if (fd === MOST_TRIES) throw error;
    }
  }
}

/** At least the event loop's descriptor is below this. */
const MOST_TRIES = 64;

/** Converts a `struct statx` to a stat object. */
export function statsOf(block: Block): Stats {
  plainShape ??= shapeOf(anyStats(false));
  const { data } = block.region;
  const at = block.offset;
  const u32 = (offset: number) => data.getUint32(at + offset, true);
  const u64 = (offset: number) => Number(data.getBigUint64(at + offset, true));
  const ms = TIME_OFFSETS.map((offset) => Number(data.getBigInt64(at + offset, true)) * 1000 + u32(offset + 8) / 1e6);
  const stats = Object.assign(Object.create(plainShape.prototype), {
    dev: device(u32(Statx.DEV_MAJOR), u32(Statx.DEV_MAJOR + 4)),
    mode: data.getUint16(at + Statx.MODE, true),
    nlink: u32(Statx.NLINK),
    uid: u32(Statx.UID),
    gid: u32(Statx.GID),
    rdev: device(u32(Statx.RDEV_MAJOR), u32(Statx.RDEV_MAJOR + 4)),
    blksize: u32(Statx.BLKSIZE),
    ino: u64(Statx.INO),
    size: u64(Statx.SIZE),
    blocks: u64(Statx.BLOCKS),
    atimeMs: ms[0],
    mtimeMs: ms[1],
    ctimeMs: ms[2],
    birthtimeMs: ms[3],
  });
  plainShape.nanoseconds.forEach((symbol, index) => {
    if (symbol !== undefined) stats[symbol] = u32((TIME_OFFSETS[index] as number) + 8);
  });
  if (plainShape.ownDates) for (const name of TIMES) stats[name] = date(stats[`${name}Ms`]);
  return stats;
}

/** Converts a `struct statx` to a stat object with bigints. */
export function bigStatsOf(block: Block): BigIntStats {
  bigShape ??= shapeOf(anyStats(true));
  const { data } = block.region;
  const at = block.offset;
  const u32 = (offset: number) => BigInt(data.getUint32(at + offset, true));
  const u64 = (offset: number) => data.getBigUint64(at + offset, true);
  const ns = TIME_OFFSETS.map((offset) => data.getBigInt64(at + offset, true) * 1_000_000_000n + u32(offset + 8));
  const stats = Object.assign(Object.create(bigShape.prototype), {
    dev: BigInt(device(Number(u32(Statx.DEV_MAJOR)), Number(u32(Statx.DEV_MAJOR + 4)))),
    mode: BigInt(data.getUint16(at + Statx.MODE, true)),
    nlink: u32(Statx.NLINK),
    uid: u32(Statx.UID),
    gid: u32(Statx.GID),
    rdev: BigInt(device(Number(u32(Statx.RDEV_MAJOR)), Number(u32(Statx.RDEV_MAJOR + 4)))),
    blksize: u32(Statx.BLKSIZE),
    ino: u64(Statx.INO),
    size: u64(Statx.SIZE),
    blocks: u64(Statx.BLOCKS),
  });
  TIMES.forEach((name, index) => {
    stats[`${name}Ms`] = (ns[index] as bigint) / 1_000_000n;
  });
  TIMES.forEach((name, index) => {
    stats[`${name}Ns`] = ns[index];
  });
  if (bigShape.ownDates) for (const name of TIMES) stats[name] = date(Number(stats[`${name}Ms`]));
  return stats;
}

/** Encodes a device number like makedev(3) of the GNU C library. */
function device(major: number, minor: number): number {
  const low = ((minor & 0xff) | ((major & 0xfff) << 8)) >>> 0;
  return low + (minor & ~0xff) * 2 ** 12 + (major & ~0xfff) * 2 ** 32;
}

/** Rounds a date as Node does. */
function date(ms: number): Date {
  return new Date(Math.round(ms));
}
