/**
 * The same test on both kernels: the simulated one, and Linux where it gives us a ring.
 */

import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from '@jest/globals';
import { Ring, type RingOptions, type SetupFlagName } from '../../src/ring/index.js';
import { linuxSyscalls, type Syscalls, UringError } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { pipe, temporaryDirectory, whyNoRing } from './linux.js';

/** A kernel with what a test needs around it. */
export interface TestKernel {
  readonly name: 'simulated' | 'linux';
  readonly syscalls: Syscalls;
  /** The simulated kernel itself, on which time and faults can be ruled. */
  readonly simulated: SimulatedKernel | undefined;
  /** Opens a ring that is closed after the test. */
  open(options: RingOptions): Ring;
  /** A regular file with this content, open for reading and writing. */
  file(content?: Uint8Array): number;
  contentOf(fd: number): Uint8Array;
  pipe(): [reader: number, writer: number];
  /** Writes to a pipe, as somebody else would. */
  write(fd: number, bytes: Uint8Array): void;
  /** Closes an fd of `file` or `pipe`. */
  close(fd: number): void;
}

/** Runs `body` once for each kernel, with a kernel that is new for each test. */
export function describeOnBothKernels(title: string, body: (kernel: () => TestKernel, name: TestKernel['name']) => void): void {
  describe.each(['simulated', 'linux'] as const)(`${title} (%s)`, (name) => {
    const reason = name === 'linux' ? whyNoRing() : undefined;
    if (reason !== undefined) {
      test.skip(`no ring to be had: ${reason}`, () => undefined);
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

/** A test for rings with these flags; skipped, with the kernel's own words, where it refuses them. */
export function testWithFlags(name: TestKernel['name'], flags: readonly SetupFlagName[], title: string, body: () => void): void {
  const why = name === 'linux' ? whyNotFlags(flags) : undefined;
  if (why === undefined) test(title, body);
  else test.skip(`${title} (skipped: ${why})`, () => undefined);
}

function whyNotFlags(flags: readonly SetupFlagName[]): string | undefined {
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
    pipe() {
      const ends = pipe();
      for (const fd of ends) fds.set(fd, undefined);
      return ends;
    },
    write: (fd, bytes) => void writeSync(fd, bytes),
    close(fd) {
      if (fds.delete(fd)) closeSync(fd);
    },
    cleanUp() {
      for (const ring of rings) ring.close();
      for (const fd of fds.keys()) closeSync(fd);
      directory.remove();
    },
  };
}
