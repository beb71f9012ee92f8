/** Runs the same tests on both kernels: the simulated one, and Linux if it provides a ring. */

import { closeSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from '@jest/globals';
import { Ring, type RingOptions, type SetupFlagName } from '../../src/ring/index.js';
import { linuxSyscalls, type Syscalls, UringError } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { epollCreate, eventfd, listener, pipe, SIMULATED_ONLY, socketPair, temporaryDirectory, whyNoRing } from './linux.js';

/**
 * Mutation runs use only the simulated kernel: it never blocks, and a wrong address does no harm.
 */
const KERNELS = SIMULATED_ONLY ? (['simulated'] as const) : (['simulated', 'linux'] as const);

/** A kernel, with the functions that a test needs. */
export interface TestKernel {
  readonly name: 'simulated' | 'linux';
  readonly syscalls: Syscalls;
  /** The simulated kernel, to control time and faults. */
  readonly simulated: SimulatedKernel | undefined;
  /** Opens a ring that is closed after the test. */
  open(options: RingOptions): Ring;
  /** Creates a regular file with this content, and opens it for reading and writing. */
  file(content?: Uint8Array): number;
  contentOf(fd: number): Uint8Array;
  pipe(): [reader: number, writer: number];
  /** Writes to a pipe, as another process would. */
  write(fd: number, bytes: Uint8Array): void;
  /** Creates two connected stream sockets. */
  socketPair(): [one: number, other: number];
  /** Creates a TCP socket that listens on a port of 127.0.0.1. */
  listener(backlog: number): { readonly fd: number; readonly port: number };
  epoll(): number;
  eventfd(): number;
  /** Reads, as another process would. The data must be there. */
  read(fd: number, length: number): Uint8Array;
  /** Returns the path of a name in the test's own directory. */
  path(name: string): string;
  /** Creates a regular file with a name. @returns Its path. */
  put(name: string, content?: Uint8Array | string): string;
  /** Closes an fd that the test or an operation has opened. */
  close(fd: number): void;
}

/** Runs `body` once for each kernel. Each test gets a new kernel. */
export function describeOnBothKernels(title: string, body: (kernel: () => TestKernel, name: TestKernel['name']) => void): void {
  describe.each(KERNELS)(`${title} (%s)`, (name) => {
    const reason = name === 'linux' ? whyNoRing() : undefined;
    if (reason !== undefined) {
      test.skip(`no ring is available: ${reason}`, () => undefined);
      return;
    }
    let current: (TestKernel & { cleanUp(): void }) | undefined;
    beforeEach(() => {
      current = name === 'linux' ? linuxKernel() : simulatedKernel();
    });
    afterEach(() => {
      current?.cleanUp();
      current = undefined;
    });
    body(() => {
      if (!current) throw new Error('the kernel is there only while a test runs');
      return current;
    }, name);
  });
}

/** Runs `body` on Linux once, outside a test, to find out what the kernel supports. */
export function onLinuxOnce<T>(body: (kernel: TestKernel) => T): T {
  const kernel = linuxKernel();
  try {
    return body(kernel);
  } finally {
    kernel.cleanUp();
  }
}

/** Defines a test that is skipped, with the reason, if something is lacking. */
export function testUnless(gap: string | undefined, title: string, body: () => void | Promise<void>): void {
  if (gap === undefined) test(title, body);
  else test.skip(`${title} (skipped: ${gap})`, () => undefined);
}

/**
 * Defines a test for rings with these flags. It is skipped, with the error, if the kernel refuses
 * them.
 */
export function testWithFlags(name: TestKernel['name'], flags: readonly SetupFlagName[], title: string, body: () => void): void {
  const why = name === 'linux' ? whyNotFlags(flags) : undefined;
  if (why === undefined) test(title, body);
  else test.skip(`${title} (skipped: ${why})`, () => undefined);
}

/** Returns why the kernel refuses these flags, or `undefined` if it accepts them. */
export function whyNotFlags(flags: readonly SetupFlagName[]): string | undefined {
  try {
    Ring.open({ entries: 1, flags }).close();
    return undefined;
  } catch (error) {
    if (error instanceof UringError && error.message.includes('refuses the flag')) return error.message;
    throw error;
  }
}

function simulatedKernel(): TestKernel & { cleanUp(): void } {
  const simulated = new SimulatedKernel();
  simulated.putFile('/test/.directory', new Uint8Array(0));
  const rings: Ring[] = [];
  return {
    name: 'simulated',
    syscalls: simulated,
    simulated,
    open(options) {
      const ring = Ring.open({ ...options, syscalls: simulated });
      rings.push(ring);
      return ring;
    },
    file: (content) => simulated.createFile(content),
    contentOf: (fd) => simulated.contentOf(fd),
    pipe: () => simulated.createPipe(),
    write: (fd, bytes) => void simulated.writeFile(fd, bytes),
    socketPair: () => simulated.createSocketPair(),
    listener: (backlog) => simulated.createListener(backlog),
    epoll: () => simulated.createEpoll(),
    eventfd: () => simulated.eventfd(0),
    read(fd, length) {
      const bytes = simulated.readFile(fd, length);
      if (typeof bytes === 'number') throw new Error(`read gave ${bytes}`);
      return bytes;
    },
    path: (name) => `/test/${name}`,
    put(name, content = '') {
      simulated.putFile(`/test/${name}`, Buffer.from(content));
      return `/test/${name}`;
    },
    close: (fd) => void simulated.close(fd),
    cleanUp() {
      for (const ring of rings) ring.close();
    },
  };
}

function linuxKernel(): TestKernel & { cleanUp(): void } {
  const directory = temporaryDirectory();
  const fds = new Map<number, string | undefined>();
  const rings: Ring[] = [];
  const keepAll = <Fds extends readonly number[]>(made: Fds): Fds => {
    for (const fd of made) fds.set(fd, undefined);
    return made;
  };
  return {
    name: 'linux',
    syscalls: linuxSyscalls(),
    simulated: undefined,
    open(options) {
      const ring = Ring.open(options);
      rings.push(ring);
      return ring;
    },
    file(content = new Uint8Array(0)) {
      const name = directory.file();
      writeFileSync(name, content);
      const fd = openSync(name, 'r+');
      fds.set(fd, name);
      return fd;
    },
    contentOf: (fd) => new Uint8Array(readFileSync(fds.get(fd) as string)),
    pipe: () => keepAll(pipe()),
    socketPair: () => keepAll(socketPair()),
    listener(backlog) {
      const made = listener(backlog);
      fds.set(made.fd, undefined);
      return made;
    },
    epoll: () => keepAll([epollCreate()] as const)[0],
    eventfd: () => keepAll([eventfd()] as const)[0],
    read(fd, length) {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, readSync(fd, bytes));
    },
    path: (name) => path.join(directory.path, name),
    put(name, content = '') {
      const whole = path.join(directory.path, name);
      mkdirSync(path.dirname(whole), { recursive: true });
      writeFileSync(whole, content);
      return whole;
    },
    write: (fd, bytes) => void writeSync(fd, bytes),
    close(fd) {
      fds.delete(fd);
      try {
        closeSync(fd);
      } catch {
        // The operation under test has closed it.
      }
    },
    cleanUp() {
      for (const ring of rings) ring.close();
      for (const fd of fds.keys()) {
        try {
          closeSync(fd);
        } catch {
          // Likewise.
        }
      }
      directory.remove();
    },
  };
}
