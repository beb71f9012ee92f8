/**
 * Reading of many ranges of a file into one piece of memory: one promise, one array of results.
 *
 * ```text
 *   engine memory, shared memory     each range by one operation, in place
 *   other memory                     cached data is copied within io_uring_enter; the remainder
 *                                    goes through a block of the pool, as a transfer of its own
 * ```
 *
 * A limited number are in flight at once. Whatever an operation leaves over is read by a transfer.
 *
 * @module
 */

import { RWF_NOWAIT } from '../../linux.js';
import { prepRead, prepReadFixed } from '../../ops/index.js';
import { Errno } from '../../syscalls/index.js';
import { AbortError } from '../errors.js';
import type { KernelMemory } from '../memory/kernel-memory.js';
import type { Lease } from '../memory/lease.js';
import { type Abortable, listen, unlisten } from '../operations/signals.js';
import type { Core } from '../queue/core.js';
import { Request } from '../queue/request.js';
import type { TransferFile } from './transfer-file.js';

/**
 * How many ranges are in flight at once, and how many bytes of cached ones, which this thread
 * copies.
 */
const AT_ONCE = 128;
const BYTES_AT_ONCE = 4 * 1024 * 1024;

/** A larger range is read in pieces. */
const LARGEST = 512 * 1024;

/** Parts of a file that lie one after another in memory. */
export interface Ranges {
  /** Positions in the file. */
  readonly offsets: Float64Array;
  /** Lengths in bytes. */
  readonly lengths: Int32Array;
}

/** Reads a range as a transfer of its own. Implemented by `Transfers.read`. */
export interface RangeTransfers {
  read(
    file: TransferFile,
    view: ArrayBufferView,
    offset: number,
    length: number,
    position: number,
    shape: (count: number) => number,
  ): Promise<number>;
}

/**
 * Reads all ranges. The arguments must have been checked. The caller references the file;
 * `file.unref()` releases it.
 */
export class RangeReader implements Abortable {
  private readonly results: Int32Array;
  private readonly starts: Float64Array;
  private readonly idle: RangeRead[] = [];
  /** All reads, at most {@link AT_ONCE}. */
  private readonly reads: RangeRead[] = [];
  private next = 0;
  private bytesInFlight = 0;
  private left: number;
  private readonly length: number;
  private base = 0;
  /** The lease of the view itself, where the kernel may use it in place. */
  private direct: Lease | undefined;
  private aborted: AbortError | undefined;
  private broken: Error | undefined;
  private over: () => void = () => undefined;

  constructor(
    private readonly core: Core,
    private readonly memory: KernelMemory,
    private readonly transfers: RangeTransfers,
    private readonly file: TransferFile,
    private readonly view: Uint8Array,
    private readonly ranges: Ranges,
  ) {
    const { lengths } = ranges;
    this.left = lengths.length;
    this.results = new Int32Array(this.left);
    this.starts = new Float64Array(this.left);
    let start = 0;
    for (let index = 0; index < this.left; index++) {
      this.starts[index] = start;
      start += lengths[index] as number;
    }
    this.length = start;
  }

  /**
   * Reads all ranges.
   *
   * @returns the bytes of each range, or the kernel's error as a negative number.
   */
  async read(signal: AbortSignal | undefined): Promise<Int32Array> {
    const { file, view, core } = this;
    try {
      if (signal?.aborted) throw new AbortError(signal.reason);
      if (this.left === 0) return this.results;
      const allOver = new Promise<void>((resolve) => {
        this.over = resolve;
      });
      this.direct = this.memory.leaseInPlace(view);
      this.base = this.direct?.address ?? core.ring.addressOf(view);
      if (signal !== undefined) listen(signal, this);
      this.startMore();
      await allOver;
      if (signal !== undefined) unlisten(signal, this);
      if (this.broken !== undefined) throw this.broken;
      if (this.aborted !== undefined) throw this.aborted;
      return this.results;
    } finally {
      // If the ring has failed, the kernel may still write to it.
      if (this.broken === undefined) this.direct?.release();
      file.unref();
    }
  }

  abort(reason: unknown): void {
    this.aborted = new AbortError(reason);
    this.giveUpRest();
    for (const read of this.reads) this.core.cancel(read);
  }

  private giveUpRest(): void {
    while (this.next < this.results.length) this.settle(this.next++, -Errno.ECANCELED);
  }

  private startMore(): void {
    if (this.core.closing) this.giveUpRest();
    const { lengths } = this.ranges;
    while (this.next < lengths.length && this.bytesInFlight < BYTES_AT_ONCE) {
      if (lengths[this.next] === 0) {
        this.settle(this.next++, 0);
        continue;
      }
      const read = this.idle.pop() ?? this.oneMore();
      if (read === undefined) return;
      read.index = this.next++;
      this.start(read);
    }
  }

  private oneMore(): RangeRead | undefined {
    if (this.reads.length === AT_ONCE) return undefined;
    const read = new RangeRead(this);
    this.reads.push(read);
    return read;
  }

  private start(read: RangeRead): void {
    const { core, file, ranges } = this;
    const isDirect = this.direct !== undefined;
    const { index } = read;
    const length = ranges.lengths[index] as number;
    if (!isDirect && (length > LARGEST || !file.canTry)) {
      this.readOn(read, 0);
      return;
    }
    const offset = ranges.offsets[index] as number;
    const address = this.base + (this.starts[index] as number);
    const registered = isDirect ? this.memory.buffers.registeredIndex(this.partOf(index)) : -1;
    const flags = isDirect ? 0 : RWF_NOWAIT;
    const sqe = core.begin();
    if (registered < 0) prepRead(sqe, file.fd, address, length, offset, flags);
    else prepReadFixed(sqe, file.fd, address, length, offset, registered, flags);
    if (file.sqeFlags !== 0) sqe.setFlags(file.sqeFlags);
    core.commit(read, !isDirect);
    if (!isDirect) this.bytesInFlight += length;
  }

  private partOf(index: number): Uint8Array {
    const start = this.starts[index] as number;
    return this.view.subarray(start, start + (this.ranges.lengths[index] as number));
  }

  completed(read: RangeRead, res: number): void {
    const { index } = read;
    const length = this.ranges.lengths[index] as number;
    const isDirect = this.direct !== undefined;
    if (!isDirect) this.bytesInFlight -= length;
    // All of it, or the end of the file.
    if (res === length || res === 0 || (res > 0 && isDirect)) this.finish(read, res);
    else if (this.aborted !== undefined || this.core.closing) this.finish(read, -Errno.ECANCELED);
    else {
      if (res === -Errno.EOPNOTSUPP && !isDirect) this.file.canTry = false;
      this.readOn(read, Math.max(0, res));
    }
  }

  /**
   * Reads the remainder of a range by a transfer, which waits for the data and retries where
   * possible.
   */
  private readOn(read: RangeRead, done: number): void {
    const { file, ranges, view, transfers } = this;
    const { index } = read;
    const start = (this.starts[index] as number) + done;
    const left = (ranges.lengths[index] as number) - done;
    file.ref();
    transfers.read(file, view, start, left, (ranges.offsets[index] as number) + done, counted).then(
      (count) => this.finish(read, done + count),
      (error: { errno?: number }) => this.finish(read, done > 0 ? done : (error.errno ?? -Errno.ECANCELED)),
    );
  }

  private finish(read: RangeRead, result: number): void {
    this.idle.push(read);
    this.settle(read.index, result);
    if (this.broken === undefined) this.startMore();
  }

  private settle(index: number, result: number): void {
    this.results[index] = result;
    if (--this.left === 0) this.over();
  }

  memoryIsIntact(): boolean {
    return this.view.byteLength >= this.length;
  }

  abandon(error: Error): void {
    this.broken ??= error;
    this.over();
  }
}

const counted = (count: number) => count;

/** The read of a range, reused for one range after another. */
class RangeRead extends Request {
  index = 0;

  constructor(private readonly reader: RangeReader) {
    super();
  }

  complete(res: number): void {
    this.reader.completed(this, res);
  }

  override memoryIsIntact(): boolean {
    return this.reader.memoryIsIntact();
  }

  abandon(error: Error): void {
    this.reader.abandon(error);
  }
}
