/**
 * File systems of several kinds for tests. Each is mounted for one test file, if this machine and
 * this user can mount it.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** A file system, or the reason why there is none. */
export interface FileSystem {
  readonly name: string;
  /** A directory on the file system. */
  readonly path: string;
  readonly whyNot: string | undefined;
}

interface Kind {
  readonly name: string;
  /** @returns Why it cannot be mounted, or `undefined`. */
  mount(at: string, beside: string): string | undefined;
}

const run = (command: string, ...args: string[]): string | undefined => {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 });
  return status === 0 ? undefined : `${command}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
};

const KINDS: readonly Kind[] = [
  { name: 'the disk', mount: () => undefined },
  { name: 'tmpfs', mount: (at) => run('mount', '-t', 'tmpfs', 'uring-test', at) },
  {
    name: 'overlayfs',
    mount(at, beside) {
      // Not over the directory of the tests: if that is itself an overlay, it cannot be an upper
      // layer.
      const why = run('mount', '-t', 'tmpfs', 'uring-test', beside);
      if (why !== undefined) return why;
      for (const part of ['lower', 'upper', 'work']) mkdirSync(path.join(beside, part));
      const layers = `lowerdir=${beside}/lower,upperdir=${beside}/upper,workdir=${beside}/work`;
      return run('mount', '-t', 'overlay', '-o', layers, 'uring-test', at);
    },
  },
  { name: 'FUSE with direct I/O', mount: (at, beside) => mergerfs('off', at, beside) },
  { name: 'FUSE with a cache', mount: (at, beside) => mergerfs('full', at, beside) },
];

function mergerfs(cache: string, at: string, beside: string): string | undefined {
  if (!existsSync('/dev/fuse')) return 'there is no /dev/fuse';
  // Caches of names and attributes are off: they are not under test.
  const options = `cache.files=${cache},cache.attr=0,cache.entry=0,cache.negative_entry=0,inodecalc=path-hash`;
  return run('mergerfs', '-o', options, beside, at);
}

/** Mounts all of them below a directory. `remove` unmounts them. */
export function mountAll(directory: string): { readonly all: readonly FileSystem[]; remove(): void } {
  const mounted: string[] = [];
  const isMounted = (at: string) => statSync(at).dev !== statSync(directory).dev;
  const all = KINDS.map(({ name, mount }, index) => {
    const at = path.join(directory, `mount-${index}`);
    const beside = path.join(directory, `beside-${index}`);
    mkdirSync(at);
    mkdirSync(beside);
    const whyNot = mount(at, beside);
    for (const place of [beside, at]) if (isMounted(place)) mounted.push(place);
    return { name, path: at, whyNot };
  });
  return {
    all,
    remove() {
      for (const at of mounted.reverse()) run('umount', '-l', at);
    },
  };
}
