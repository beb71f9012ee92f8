/**
 * Helpers shared by the operations: files, memory, waiting.
 *
 * @module
 */

import { CQE_BUFFER_SHIFT, CqeFlag, FILE_INDEX_ALLOC, SqeFlag } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import type { SelectedBuffer } from '../buffer-groups.js';
import type { SimulatedFile } from '../files/file.js';
import type { RingInternals } from '../internals.js';
import { type KernelRequest, PENDING } from '../request.js';

/** Bytes or 0, `-errno`, or {@link PENDING}. */
export type Result = number | typeof PENDING;

/** The implementation of an opcode. */
export type Operation = (ring: RingInternals, request: KernelRequest) => Result;

/** Operations by opcode. */
export type OperationTable = { readonly [opcode: number]: Operation };

/** A piece of the memory of a transfer. */
export interface Piece {
  readonly address: number;
  readonly length: number;
}

/** Finds the file that an SQE names, and keeps it open until the operation has completed. */
export function withFile(ring: RingInternals, request: KernelRequest, body: (file: SimulatedFile) => Result): Result {
  const file = request.file ?? fileAt(ring, request.fd, request.has(SqeFlag.FIXED_FILE));
  if (!file) return -Errno.EBADF;
  if (request.file === undefined) {
    request.file = file;
    ring.kernel.retainFile(file);
  }
  return body(file);
}

/** Returns a file by its descriptor, or by its slot. */
export function fileAt(ring: RingInternals, fd: number, fixed: boolean): SimulatedFile | undefined {
  return fixed ? ring.files.at(fd) : ring.kernel.file(fd);
}

/**
 * Runs `attempt` now, and whenever one of the files may be ready, until its result is not -EAGAIN.
 */
export function waitFor(
  ring: RingInternals,
  request: KernelRequest,
  files: readonly SimulatedFile[],
  attempt: () => number,
  mayWait = true,
): Result {
  let running = false;
  let told = false;
  /** `attempt` may notify the watchers, this one included; then there may be more to do. */
  const run = (): number => {
    running = true;
    let result: number;
    do {
      told = false;
      result = attempt();
    } while (result === -Errno.EAGAIN && told && !request.answered);
    running = false;
    return result;
  };
  const stop = () => {
    for (const file of files) file.watchers.delete(watcher);
  };
  const watcher = () => {
    told = true;
    if (running || request.answered) return;
    const result = run();
    if (result === -Errno.EAGAIN) return;
    stop();
    ring.complete(request, result);
  };
  for (const file of files) file.watchers.add(watcher);
  const first = run();
  if (first !== -Errno.EAGAIN || !mayWait) {
    stop();
    return request.answered ? PENDING : first;
  }
  request.cancel = stop;
  return PENDING;
}

/**
 * Continues as long as there is data: `attempt` posts a CQE, and returns whether there may be more.
 */
export function waitAgain(
  ring: RingInternals,
  request: KernelRequest,
  file: SimulatedFile,
  attempt: () => 'more' | 'wait' | { readonly last: number; readonly flags?: number },
): Result {
  request.multishot = true;
  let running = false;
  const watcher = () => {
    // Consuming data notifies the watchers, this one included.
    if (running) return;
    running = true;
    while (!request.answered) {
      const outcome = attempt();
      if (outcome === 'more') continue;
      if (outcome === 'wait') break;
      file.watchers.delete(watcher);
      ring.complete(request, outcome.last, outcome.flags ?? 0);
    }
    running = false;
  };
  file.watchers.add(watcher);
  request.cancel = () => file.watchers.delete(watcher);
  watcher();
  return PENDING;
}

/** Returns the single piece that `addr` and `len` describe. */
export function single(request: KernelRequest): Piece[] {
  return [{ address: request.addr, length: request.len }];
}

/** Reads the pieces of an array of `struct iovec`. @returns them, or `-errno`. */
export function vector(ring: RingInternals, request: KernelRequest, address: number, count: number): Piece[] | number {
  if (count > 1024) return -Errno.EINVAL;
  const data = ring.kernel.memory.data(address, 16 * count);
  if (!data) return count === 0 ? [] : -Errno.EFAULT;
  ring.kernel.ownership.lend(request, address, 16 * count, 'kernel reads');
  return Array.from({ length: count }, (_, index) => ({
    address: Number(data.getBigUint64(16 * index, true)),
    length: Number(data.getBigUint64(16 * index + 8, true)),
  }));
}

/** Returns the pieces if they lie within a registered buffer, or -EFAULT. */
export function insideRegistered(ring: RingInternals, request: KernelRequest, pieces: Piece[] | number): Piece[] | number {
  if (typeof pieces === 'number') return pieces;
  const buffer = ring.buffers?.[request.bufIndex];
  const inside = ({ address, length }: Piece) =>
    buffer !== undefined && address >= buffer.address && address + length <= buffer.address + buffer.length;
  return pieces.every(inside) ? pieces : -Errno.EFAULT;
}

/** Returns the total length of the pieces. */
export function total(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** Lends memory to an operation until it has completed. */
export function lend(
  ring: RingInternals,
  request: KernelRequest,
  pieces: readonly Piece[],
  way: 'kernel reads' | 'kernel writes',
): void {
  for (const { address, length } of pieces) ring.kernel.ownership.lend(request, address, length, way);
}

/** Returns the flags of a CQE that passes a buffer. */
export function bufferFlags(buffer: SelectedBuffer | undefined): number {
  if (buffer === undefined) return 0;
  return CqeFlag.BUFFER | (buffer.id << CQE_BUFFER_SHIFT) | (buffer.more ? CqeFlag.BUF_MORE : 0);
}

/** Installs an opened file at a new descriptor, or in the slot that the SQE requests. */
export function installFile(ring: RingInternals, request: KernelRequest, file: SimulatedFile): number {
  if (request.fileIndex === 0) return ring.kernel.install(file);
  const automatic = request.fileIndex === FILE_INDEX_ALLOC;
  const slot = automatic ? ring.files.free() : request.fileIndex - 1;
  const error = !ring.files.exists ? Errno.ENXIO : slot < 0 ? Errno.ENFILE : slot >= ring.files.length ? Errno.EINVAL : 0;
  if (error !== 0) {
    file.close();
    return -error;
  }
  ring.files.set(slot, file);
  return automatic ? slot : 0;
}

/** Reads a C string that the SQE points to. */
export function stringAt(ring: RingInternals, request: KernelRequest, address: number): string | undefined {
  const text = ring.kernel.memory.string(address);
  if (text !== undefined) ring.kernel.ownership.lend(request, address, Buffer.byteLength(text) + 1, 'kernel reads');
  return text;
}
