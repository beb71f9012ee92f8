/**
 * Looking up what the kernel has in its memory: by plain system calls, at once, in a few microseconds. Each call here is tried so, and is Node's own where
 * that would wait, where the answer is an error other than that there is no such file, and where the arguments are unusual.
 *
 * A path is opened with O_PATH and RESOLVE_CACHED, which never waits; the descriptor is asked, and closed. Attributes are asked for only where they are in
 * memory, too (`mounts.ts`). It needs no ring, and works where there is none.
 *
 * @module
 */

import type { PathLike } from 'node:fs';
import { reject, type Settle } from '../engine/errors.js';
import { permissionModelIsOn } from '../engine/permission.js';
import { Errno, type LookupCalls, linuxLookups, withoutFrames } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { hasOnly, pathText, plainPath } from './arguments.js';
import { systemError } from './errors.js';
import { Mounts } from './mounts.js';
import { node, nodePromises } from './node.js';

const { F_OK, R_OK, W_OK, X_OK } = node.constants;

/** How long lookups go on without letting the event loop turn. */
const TURN_MS = 1;

/** How many pass between two looks at the clock. */
const LOOKUPS_PER_LOOK = 16;

/** A path of what was deleted ends so; of a file with such a name, too. */
const DELETED = ' (deleted)';

interface Lookups {
  readonly calls: LookupCalls;
  readonly mounts: Mounts;
}

/** `null` where the kernel does not know it, or must not be asked. */
let known: Lookups | null | undefined;

function lookups(): Lookups | null {
  if (known === undefined) known = probe();
  return known;
}

function probe(): Lookups | null {
  // Node checks each path itself then.
  if (permissionModelIsOn) return null;
  try {
    const calls = linuxLookups();
    if (calls === undefined) return null;
    const fd = calls.openCached('/', true);
    if (fd < 0) return null;
    const knowsMounts = calls.mountOf(fd) >= 0;
    calls.close(fd);
    return knowsMounts ? { calls, mounts: new Mounts(calls) } : null;
  } catch {
    return null;
  }
}

/** Whether the attributes of an open file can be asked for without waiting. */
export function hasAttributesInMemory(fd: number): boolean {
  return lookups()?.mounts.hasInMemory(fd) ?? false;
}

// Turns of the event loop

let count = 0;
let turnStart = 0;
let isFull = false;
const waiting: (() => void)[] = [];

/** Whether this turn of the event loop has room for one more lookup; what finds none is for a later turn, or for Node. */
export function hasTime(): boolean {
  if (isFull) return false;
  if (count++ === 0) {
    turnStart = timers.now();
    timers.setImmediate(nextTurn);
  } else if (count % LOOKUPS_PER_LOOK === 0) isFull = timers.now() - turnStart > TURN_MS;
  return !isFull;
}

function nextTurn(): void {
  count = 0;
  isFull = false;
  let next = 0;
  while (next < waiting.length && hasTime()) (waiting[next++] as () => void)();
  waiting.splice(0, next);
}

/**
 * A lookup's answer, in this turn of the event loop or in a later one.
 *
 * @param look answers `undefined` when it is Node's affair.
 */
function lookUp<T>(look: (lookups: Lookups) => T | undefined, byNode: () => Promise<T>): Promise<T> {
  const ours = lookups();
  if (ours === null) return byNode();
  const answer = () => {
    try {
      return look(ours) ?? byNode();
    } catch (error) {
      return rejected<T>(error as Error);
    }
  };
  if (!hasTime()) {
    return new Promise((resolve) => {
      waiting.push(() => resolve(answer()));
    });
  }
  const found = answer();
  return found instanceof Promise ? found : Promise.resolve(found);
}

/** A promise that fails, with a stack that leads to who awaits it. */
function rejected<T>(error: Error): Promise<T> {
  return new Promise((resolve) => {
    reject(resolve as Settle<unknown>, error);
  });
}

/** Opens a path, asks the descriptor, and closes it. @throws the error of a path that leads nowhere. */
function ask<T>(
  { calls }: Lookups,
  path: string,
  follow: boolean,
  syscall: string,
  question: (fd: number) => T | undefined,
): T | undefined {
  const fd = calls.openCached(path, follow);
  if (fd < 0) {
    if (fd === -Errno.ENOENT || fd === -Errno.ENOTDIR) throw withoutFrames(() => systemError(fd, syscall, pathText(path)));
    return undefined;
  }
  try {
    return question(fd);
  } finally {
    calls.close(fd);
  }
}

/**
 * A path that can be looked up; `undefined` for what is Node's.
 *
 * @param plain what the other arguments are for, if they are plain and right. What throws is Node's to report.
 */
function plainName<T>(path: PathLike, plain: () => T | undefined): readonly [name?: string, options?: T] {
  try {
    const options = plain();
    const name = options === undefined ? undefined : plainPath(path);
    return typeof name === 'string' && name.length > 0 ? [name, options as T] : NODES;
  } catch {
    return NODES;
  }
}

const NODES: readonly [] = [];

// The functions

/** The options of `stat` and its kind, if they are plain and right. */
export function plainStatOptions(options: unknown): { readonly bigint: boolean } | undefined {
  if (options === undefined) return SMALL;
  if (options === null || !hasOnly(options, 'bigint')) return undefined;
  const { bigint } = options as { bigint?: unknown };
  if (bigint === undefined || bigint === false) return SMALL;
  return bigint === true ? BIG : undefined;
}

const SMALL = { bigint: false };
const BIG = { bigint: true };

const statBy = (name: 'stat' | 'lstat') =>
  ((path: PathLike, options?: unknown) => {
    const byNode = () => nodePromises[name](path, options as never);
    const [text, plain] = plainName(path, () => plainStatOptions(options));
    if (text === undefined) return byNode();
    return lookUp(
      (ours) =>
        ask(ours, text, name === 'stat', name, (fd) => (ours.mounts.hasInMemory(fd) ? node.fstatSync(fd, plain) : undefined)),
      byNode as never,
    );
  }) as (typeof nodePromises)['stat' | 'lstat'];

/** stat(2). See `fsPromises.stat`. Since Linux 5.12 at once where the path is cached. */
export const stat = statBy('stat') as typeof nodePromises.stat;

/** lstat(2). See `fsPromises.lstat`. Since Linux 5.12 at once where the path is cached. */
export const lstat = statBy('lstat') as typeof nodePromises.lstat;

const OK = Symbol('accessible');

/** access(2). See `fsPromises.access`. Since Linux 5.12 at once where the path is cached. */
export const access: typeof nodePromises.access = (path, mode) => {
  const byNode = () => nodePromises.access(path, mode);
  const [text, wanted] = plainName(path, () => plainAccessMode(mode));
  if (text === undefined || wanted === undefined || !isRealUser()) return byNode();
  const accessible = lookUp<unknown>(
    (ours) =>
      ask(ours, text, true, 'access', (fd) => {
        if (wanted === F_OK) return OK;
        return ours.mounts.hasInMemory(fd) && ours.calls.access(fd, wanted) === 0 ? OK : undefined;
      }),
    byNode,
  );
  return accessible.then(nothing);
};

function nothing(): void {}

function plainAccessMode(mode: unknown): number | undefined {
  if (mode === undefined || mode === null) return F_OK;
  return typeof mode === 'number' && (mode & (R_OK | W_OK | X_OK)) === mode ? mode : undefined;
}

/** access(2) goes by the user who started the program, opening by the one that it works as. */
function isRealUser(): boolean {
  return process.getuid?.() === process.geteuid?.() && process.getgid?.() === process.getegid?.();
}

/** 'utf8' where a path is wanted as text. */
function plainEncoding(options: unknown): 'utf8' | undefined {
  if (options === undefined || options === null || options === 'utf8') return 'utf8';
  if (typeof options !== 'object' || !hasOnly(options, 'encoding')) return undefined;
  const { encoding } = options as { encoding?: unknown };
  return encoding === undefined || encoding === null || encoding === 'utf8' ? 'utf8' : undefined;
}

/** realpath(3). See `fsPromises.realpath`. Since Linux 5.12 at once where the path is cached. */
export const realpath = ((path: PathLike, options?: unknown) => {
  const byNode = () => nodePromises.realpath(path, options as never) as Promise<string>;
  const [text] = plainName(path, () => plainEncoding(options));
  if (text === undefined) return byNode();
  return lookUp(
    (ours) =>
      ask(ours, text, true, 'realpath', (fd) => {
        const found = ours.calls.pathOf(fd);
        return typeof found === 'string' && found.startsWith('/') && !found.endsWith(DELETED) ? found : undefined;
      }),
    byNode,
  );
}) as typeof nodePromises.realpath;

/** readlink(2). See `fsPromises.readlink`. Since Linux 5.12 at once where the path is cached. */
export const readlink = ((path: PathLike, options?: unknown) => {
  const byNode = () => nodePromises.readlink(path, options as never) as Promise<string>;
  const [text] = plainName(path, () => plainEncoding(options));
  if (text === undefined) return byNode();
  return lookUp((ours) => {
    // A long target is read from the disk, unless it has been followed already.
    const followed = ours.calls.openCached(text, true);
    if (followed >= 0) ours.calls.close(followed);
    else if (followed === -Errno.EAGAIN) return undefined;
    return ask(ours, text, false, 'readlink', (fd) => {
      const target = ours.calls.readlink(fd);
      return typeof target === 'string' ? target : undefined;
    });
  }, byNode);
}) as typeof nodePromises.readlink;
