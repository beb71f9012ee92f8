/**
 * Slots of the engine's registered files: files without a descriptor, for chains that open, use and
 * close a file.
 *
 * @module
 */

import type { Ring } from '../../ring/index.js';
import { UringError } from '../../syscalls/index.js';
import { invalidState } from '../../validate.js';

/**
 * The most slots. There are fewer where the limit on descriptors is lower, as it applies to tables,
 * too.
 */
const TABLE_SIZE = 1024;
const SMALLEST_TABLE = 16;

/** A slot, until it is released. */
export class FileSlot {
  private live = true;

  /** @internal */
  constructor(
    /**
     * Its number, for the option `slot` of an operation. The object itself can be used as a file.
     */
    readonly slot: number,
    private readonly giveBack: (slot: number) => void,
  ) {}

  /** Releases the slot. It must be empty: closed, or never opened into. Idempotent. */
  release(): void {
    if (!this.live) return;
    this.live = false;
    this.giveBack(this.slot);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** `uring.files`: the slots. */
export class FileSlots {
  private readonly free: number[] = [];
  private used = 0;
  private size = 0;
  private usable: boolean | undefined;

  /** @internal */
  constructor(private readonly ring: Ring) {}

  /**
   * Allocates a free slot, for `op.openat(path, { slot: slot.slot })`, `op.read(slot, ...)` and
   * `op.closeFile(slot)`.
   *
   * @throws Error ERR_INVALID_STATE when all are in use (1,024, or half of the limit on descriptors
   * where that is lower), or the kernel has no sparse tables (before 5.19).
   */
  allocate(): FileSlot {
    const slot = this.take();
    if (slot < 0) throw invalidState(this.usable ? 'all slots are in use' : 'the kernel has no sparse table of files');
    return new FileSlot(slot, (number) => this.give(number));
  }

  /** Takes a free slot. @returns its number, or -1. @internal */
  take(): number {
    const again = this.free.pop();
    if (again !== undefined) return again;
    if (!this.register() || this.used === this.size) return -1;
    return this.used++;
  }

  /** @internal */
  give(slot: number): void {
    this.free.push(slot);
  }

  private register(): boolean {
    if (this.usable === undefined) {
      this.usable = false;
      for (let size = TABLE_SIZE; size >= SMALLEST_TABLE && !this.usable; size /= 2) {
        try {
          this.ring.files.registerSparse(size);
          this.usable = true;
          this.size = size;
        } catch (error) {
          if (!(error instanceof UringError)) throw error;
          if (error.code !== 'EMFILE' && error.code !== 'ENOMEM') break;
        }
      }
    }
    return this.usable;
  }
}
