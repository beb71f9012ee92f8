/**
 * Operations of a simulated kernel, with the errors of `node:fs`.
 *
 * @module
 */

import { type Operation, op, type Uring } from '../engine/index.js';
import { systemError } from '../fs/errors.js';
import type { SimulatedKernel } from '../testing/kernel.js';

/** What names a call in its error. */
export interface About {
  /** Node's name of it: `'open'`. */
  readonly syscall: string;
  readonly path?: string | undefined;
  readonly dest?: string | undefined;
}

/** A simulated kernel, and an engine on it. */
export class Calls {
  constructor(
    readonly kernel: SimulatedKernel,
    readonly uring: Uring,
  ) {}

  /** Runs an operation. @throws SystemError as of `node:fs`. */
  run<T>(operation: Operation<T>, about: About): Promise<T> {
    return this.uring.run(operation.withError((errno) => errorOf(errno, about)));
  }

  /** Writes all bytes at the current position. */
  async writeAll(fd: number, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += await this.run(op.write(fd, bytes.subarray(done), { signal }), { syscall: 'write' });
    }
  }

  /** Reads from the current position to the end. */
  async readAll(fd: number, signal?: AbortSignal): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (;;) {
      const piece = Buffer.allocUnsafeSlow(PIECE);
      const bytes = await this.run(op.read(fd, piece, { signal }), { syscall: 'read' });
      if (bytes === 0) return Buffer.concat(parts);
      parts.push(piece.subarray(0, bytes));
    }
  }
}

const PIECE = 64 * 1024;

/** Returns the error of a failed call. */
export function errorOf(errno: number, { syscall, path, dest }: About): Error {
  return systemError(errno, syscall, path, dest);
}
