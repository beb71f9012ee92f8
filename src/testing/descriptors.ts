/**
 * The descriptors of the simulated program: the open file behind each, and its reference count.
 *
 * @module
 */

import { Errno } from '../syscalls/index.js';
import type { SimulatedFile } from './files/file.js';
import type { SimulatedRing } from './simulated-ring.js';

/** An open file behind a descriptor. */
export type OpenFile = SimulatedFile | SimulatedRing;

const FIRST_FD = 3;

/** The number of indexes for registered rings, `IO_RINGFD_REG_MAX`. */
const MOST_REGISTERED = 16;

/** The table of descriptors, and the table of registered rings. */
export class Descriptors {
  private readonly open = new Map<number, OpenFile>();
  private readonly references = new Map<OpenFile, number>();
  private readonly registered: (SimulatedRing | undefined)[] = new Array(MOST_REGISTERED).fill(undefined);
  /** All lower descriptors are in use. */
  private lowest = FIRST_FD;

  get(fd: number): OpenFile | undefined {
    return this.open.get(fd);
  }

  has(fd: number): boolean {
    return this.open.has(fd);
  }

  get all(): number[] {
    return [...this.open.keys()];
  }

  /** All open files, each once. */
  get files(): Iterable<OpenFile> {
    return this.references.keys();
  }

  /** Installs a file at the lowest free descriptor. */
  install(file: OpenFile): number {
    while (this.open.has(this.lowest)) this.lowest++;
    this.open.set(this.lowest, file);
    this.retain(file);
    return this.lowest;
  }

  /** @returns 0, or `-errno`. */
  close(fd: number): number {
    const file = this.open.get(fd);
    if (file === undefined) return -Errno.EBADF;
    this.open.delete(fd);
    this.lowest = Math.min(this.lowest, fd);
    this.release(file);
    return 0;
  }

  /** Adds a reference to a file. */
  retain(file: OpenFile): void {
    this.references.set(file, (this.references.get(file) ?? 0) + 1);
  }

  /** Drops a reference to a file; the last one closes it. */
  release(file: OpenFile): void {
    const left = (this.references.get(file) ?? 1) - 1;
    if (left > 0) {
      this.references.set(file, left);
      return;
    }
    this.references.delete(file);
    file.close();
  }

  /** Returns the ring at an index. RING_FDS. */
  ringAt(index: number): SimulatedRing | undefined {
    return this.registered[index];
  }

  /** Registers a ring. @returns its index, or `-errno`. */
  register(ring: SimulatedRing): number {
    const index = this.registered.indexOf(undefined);
    if (index < 0) return -Errno.EBUSY;
    this.registered[index] = ring;
    this.retain(ring);
    return index;
  }

  /** @returns 1, or `-errno`. */
  unregister(index: number): number {
    if (index >= this.registered.length) return -Errno.EINVAL;
    const ring = this.registered[index];
    this.registered[index] = undefined;
    if (ring !== undefined) this.release(ring);
    return 1;
  }
}
