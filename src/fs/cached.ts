/**
 * Ordinary system calls that query what the kernel holds in memory. They are made synchronously and
 * take a few microseconds. They are limited to calls that never wait, on file systems whose
 * attributes are in memory (`mounts.ts`), and to a part of each turn of the event loop. They need
 * no ring, and work where there is none.
 *
 * @module
 */

import { node } from '../node-fs.js';
import { permissionModelIsOn } from '../permission-model.js';
import { type CachedCalls, type Description, linuxCachedCalls } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { isMocked } from './mocked.js';
import { Mounts } from './mounts.js';

/** How long calls may continue before the event loop must turn. */
const TURN_MS = 1;

/** The number of calls between two checks of the clock. */
const CALLS_PER_LOOK = 16;

/** The calls, and the mounts where they can be made. */
export interface Cached {
  readonly calls: CachedCalls;
  readonly mounts: Mounts;
}

let known: Cached | null | undefined;

/**
 * Returns `null` where the kernel does not support these calls, they are not allowed, or a tool has
 * replaced what is below `node:fs`.
 */
export function cached(): Cached | null {
  if (known === undefined) known = probe();
  return isMocked() ? null : known;
}

function probe(): Cached | null {
  // With the permission model, Node must check each path itself.
  if (permissionModelIsOn) return null;
  try {
    const calls = linuxCachedCalls();
    if (calls === undefined) return null;
    const fd = calls.locate('/', true);
    if (fd < 0) return null;
    const knowsMounts = calls.describe(fd) === 0 && calls.description.mount >= 0;
    calls.close(fd);
    return knowsMounts ? { calls, mounts: new Mounts(calls) } : null;
  } catch {
    return null;
  }
}

/**
 * Describes the file behind a descriptor; `undefined` if it is not open. Does not wait. The result
 * is valid until the next call.
 */
export function describe(fd: number): Omit<Description, 'mount'> | undefined {
  const ours = cached();
  if (ours !== null) return ours.calls.describe(fd) === 0 ? ours.calls.description : undefined;
  try {
    return node.fstatSync(fd);
  } catch {
    return undefined;
  }
}

/**
 * Returns whether querying the attributes of an open file never waits; `undefined` when that is not
 * yet known.
 */
export function hasAttributesInMemory(fd: number): boolean | undefined {
  const ours = cached();
  if (ours === null || ours.calls.describe(fd) < 0) return false;
  return ours.mounts.isInMemory(ours.calls.description.mount);
}

// Turns of the event loop

let count = 0;
let turnStart = 0;
let isFull = false;
const waiting: (() => void)[] = [];

/**
 * Returns whether this turn of the event loop has time for one more call. If not, the call is made
 * in a later turn, or by Node.
 */
export function hasTime(): boolean {
  if (isFull) return false;
  if (count++ === 0) {
    turnStart = timers.now();
    timers.setImmediate(nextTurn);
  } else if (count % CALLS_PER_LOOK === 0) isFull = timers.now() - turnStart > TURN_MS;
  return !isFull;
}

/** Returns whether this is the first call of a turn of the event loop. */
export function isFirstOfTurn(): boolean {
  return count === 0 && hasTime();
}

/** Continues in this turn if there is time, or in a later one. */
export function whenThereIsTime(goOn: () => void): void {
  if (hasTime()) goOn();
  else waiting.push(goOn);
}

function nextTurn(): void {
  count = 0;
  isFull = false;
  let next = 0;
  while (next < waiting.length && hasTime()) (waiting[next++] as () => void)();
  waiting.splice(0, next);
}
