/**
 * The buffers of operations that this thread has added: referenced until the operation is over, which any thread may have seen.
 *
 * @module
 */

import type { SlotTable } from './slots.js';

interface Hold {
  readonly generation: number;
  readonly buffers: readonly ArrayBufferView[];
}

const FIRST_SWEEP = 256;

/** What one thread holds. */
export class Holds {
  private readonly bySlot = new Map<number, Hold>();
  private sweepAt = FIRST_SWEEP;

  constructor(private readonly slots: SlotTable) {}

  /** Keeps buffers for a slot's present operation. */
  keep(slot: number, buffers: readonly ArrayBufferView[]): void {
    if (this.bySlot.size >= this.sweepAt) {
      this.sweep();
      // Twice what is really in flight, so that sweeping stays cheap for each operation.
      this.sweepAt = Math.max(FIRST_SWEEP, 2 * this.bySlot.size);
    }
    this.bySlot.set(slot, { generation: this.slots.generation(slot), buffers });
  }

  /** This thread has seen the end of the operation itself. */
  release(slot: number): void {
    this.bySlot.delete(slot);
  }

  /** Lets go of what other threads have seen the end of. */
  sweep(): void {
    for (const [slot, hold] of this.bySlot) {
      if (this.slots.generation(slot) !== hold.generation) this.bySlot.delete(slot);
    }
  }

  /** Slots and generations of the operations that are, for all this thread knows, in flight. */
  get held(): [slot: number, generation: number][] {
    this.sweep();
    return [...this.bySlot].map(([slot, { generation }]) => [slot, generation]);
  }
}
