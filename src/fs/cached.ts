/**
 * What the kernel has in its memory is asked by plain system calls, at once, in a few microseconds, where that never waits: on file systems whose attributes are in memory (`mounts.ts`),
 * and for a part of each turn of the event loop. It needs no ring, and works where there is none.
 *
 * @module
 */

import { permissionModelIsOn } from '../engine/internal.js';
import { type CachedCalls, type Description, linuxCachedCalls } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { Mounts } from './mounts.js';
import { node } from './node.js';

/** How long calls go on without letting the event loop turn. */
const TURN_MS = 1;

/** How many pass between two looks at the clock. */
const CALLS_PER_LOOK = 16;

/** The calls, and where they may be made. */
export interface Cached {
  readonly calls: CachedCalls;
  readonly mounts: Mounts;
}

let known: Cached | null | undefined;

/** `null` where the kernel does not know these calls, or must not be asked. */
export function cached(): Cached | null {
  if (known === undefined) known = probe();
  return known;
}

function probe(): Cached | null {
  // Node checks each path itself then.
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

/** What a descriptor stands for; `undefined` if it is not open. Does not wait. The answer is good until the next one. */
export function describe(fd: number): Omit<Description, 'mount'> | undefined {
  const ours = cached();
  if (ours !== null) return ours.calls.describe(fd) === 0 ? ours.calls.description : undefined;
  try {
    return node.fstatSync(fd);
  } catch {
    return undefined;
  }
}

/** Whether the attributes of an open file can be asked for without waiting; `undefined` when it is not known yet. */
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

/** Whether this turn of the event loop has room for one more call; what finds none is for a later turn, or for Node. */
export function hasTime(): boolean {
  if (isFull) return false;
  if (count++ === 0) {
    turnStart = timers.now();
    timers.setImmediate(nextTurn);
  } else if (count % CALLS_PER_LOOK === 0) isFull = timers.now() - turnStart > TURN_MS;
  return !isFull;
}

/** Whether this is the first call of a turn of the event loop. */
export function isFirstOfTurn(): boolean {
  return count === 0 && hasTime();
}

/** Goes on in this turn, if it has room, or in a later one. */
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
