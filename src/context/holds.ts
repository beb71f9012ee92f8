/**
 * The buffers of operations that this thread has added: referenced until the operation is over, which any thread may have seen.
 *
 * @module
 */

import type { OperationTable } from './operation-table.js';

interface Hold {
  readonly generation: number;
  readonly buffers: readonly ArrayBufferView[];
}

const FIRST_SWEEP = 256;

/** What one thread holds. */
export class Holds {
  private readonly byId = new Map<number, Hold>();
  private sweepAt = FIRST_SWEEP;

  constructor(private readonly operations: OperationTable) {}

  /** Keeps buffers for a record's present operation. */
  keep(id: number, buffers: readonly ArrayBufferView[]): void {
    if (this.byId.size >= this.sweepAt) {
      this.sweep();
      // Twice what is really in flight, so that sweeping stays cheap for each operation.
      this.sweepAt = Math.max(FIRST_SWEEP, 2 * this.byId.size);
    }
    this.byId.set(id, { generation: this.operations.generation(id), buffers });
  }

  /** This thread has seen the end of the operation itself. */
  release(id: number): void {
    this.byId.delete(id);
  }

  /** Lets go of what other threads have seen the end of. */
  sweep(): void {
    for (const [id, hold] of this.byId) {
      if (this.operations.generation(id) !== hold.generation) this.byId.delete(id);
    }
  }

  /** Ids and generations of the operations that are, for all this thread knows, in flight. */
  get held(): [id: number, generation: number][] {
    this.sweep();
    return [...this.byId].map(([id, { generation }]) => [id, generation]);
  }
}
