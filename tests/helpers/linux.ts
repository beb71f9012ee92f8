/**
 * Functions of Linux that the integration tests need beside the library: pipes, sockets, temporary
 * files, and whether a ring is available at all.
 */

import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { Ring } from '../../src/ring/index.js';

interface Libc {
  func(name: string, result: string, parameters: string[]): (...args: unknown[]) => number;
}

let libc: Libc | undefined;

function load(): Libc {
  libc ??= (createRequire(import.meta.url)('koffi') as { load(path: null): Libc }).load(null);
  return libc;
}

const O_CLOEXEC = 0o2000000;

/** pipe2(2). */
export function pipe(): [reader: number, writer: number] {
  const fds = new Int32Array(2);
  if (load().func('pipe2', 'int', ['void *', 'int'])(fds, O_CLOEXEC) !== 0) throw new Error('pipe2 failed');
  return [fds[0] as number, fds[1] as number];
}

/** socketpair(2) of stream sockets. */
export function socketPair(): [number, number] {
  const fds = new Int32Array(2);
  const AF_UNIX = 1;
  const SOCK_STREAM = 1 | O_CLOEXEC;
  if (load().func('socketpair', 'int', ['int', 'int', 'int', 'void *'])(AF_UNIX, SOCK_STREAM, 0, fds) !== 0) {
    throw new Error('socketpair failed');
  }
  return [fds[0] as number, fds[1] as number];
}

/** Creates a TCP socket that listens on a port of 127.0.0.1 chosen by the kernel. */
export function listener(backlog: number): { readonly fd: number; readonly port: number } {
  const fd = load().func('socket', 'int', ['int', 'int', 'int'])(2, 1 | O_CLOEXEC, 0);
  const address = new Uint8Array(16);
  const data = new DataView(address.buffer);
  data.setUint16(0, 2, true);
  data.setUint32(4, 0x7f00_0001);
  const size = Uint32Array.of(16);
  const failed =
    fd < 0 ||
    load().func('bind', 'int', ['int', 'void *', 'uint32_t'])(fd, address, 16) !== 0 ||
    load().func('listen', 'int', ['int', 'int'])(fd, backlog) !== 0 ||
    load().func('getsockname', 'int', ['int', 'void *', 'void *'])(fd, address, size) !== 0;
  if (failed) throw new Error('no listening socket to be had');
  return { fd, port: data.getUint16(2) };
}

/** eventfd(2), non-blocking. */
export function eventfd(): number {
  return load().func('eventfd', 'int', ['uint32_t', 'int'])(0, O_CLOEXEC | 0o4000);
}

/** poll(2) for input. @returns Whether the fd becomes readable in time. */
export function readable(fd: number, timeoutMs: number): boolean {
  const entry = new Uint8Array(8);
  const data = new DataView(entry.buffer);
  data.setInt32(0, fd, true);
  data.setInt16(4, 1, true);
  return load().func('poll', 'int', ['void *', 'uint32_t', 'int'])(entry, 1, timeoutMs) > 0;
}

/** mkfifo(3). */
export function mkfifo(name: string): void {
  if (load().func('mkfifo', 'int', ['str', 'uint32_t'])(name, 0o600) !== 0) throw new Error('mkfifo failed');
}

/** epoll_create1(2). */
export function epollCreate(): number {
  return load().func('epoll_create1', 'int', ['int'])(O_CLOEXEC);
}

/** Creates a directory for one test file. `remove` deletes it with its content. */
export function temporaryDirectory(): { readonly path: string; file(content?: string | Uint8Array): string; remove(): void } {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'uring-test-'));
  let count = 0;
  return {
    path: directory,
    file(content = '') {
      const name = path.join(directory, `file-${count++}`);
      writeFileSync(name, content);
      return name;
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Opens a file for reading and writing. */
export function openForBoth(name: string): number {
  return openSync(name, 'r+');
}

/** Whether the tests run only on the simulated kernel. */
export const SIMULATED_ONLY = process.env.URING_TEST_KERNELS === 'simulated';

let unavailable: string | undefined | null = null;

/** Returns why no ring is available, or `undefined` if one is. Tries once to open one. */
export function whyNoRing(): string | undefined {
  if (SIMULATED_ONLY) return 'only the simulated kernel is asked for';
  if (unavailable === null) {
    try {
      Ring.open({ entries: 1 }).close();
      unavailable = undefined;
    } catch (error) {
      unavailable = (error as Error).message;
    }
  }
  return unavailable;
}
