/**
 * The buffers of operations that this thread has added: referenced until the operation has
 * completed, which any thread may have seen.
 *
 * @module
 */

import type { OperationTable } from './operation-table.js';

interface Hold {
  readonly generation: number;
  readonly buffers: readonly ArrayBufferView[];
}

const FIRST_SWEEP = 256;

/** The buffers that one thread holds. */
export class Holds {
  private readonly byId = new Map<number, Hold>();
  private sweepAt = FIRST_SWEEP;

  constructor(private readonly operations: OperationTable) {}

  /** Holds buffers for a record's current operation. */
  keep(id: number, buffers: readonly ArrayBufferView[]): void {
    if (this.byId.size >= this.sweepAt) {
      this.sweep();
      // Twice the number in flight, so that the cost of sweeping per operation stays small.
      this.sweepAt = Math.max(FIRST_SWEEP, 2 * this.byId.size);
    }
    this.byId.set(id, { generation: this.operations.generation(id), buffers });
  }

  /** Releases the buffers of an operation whose completion this thread has seen. */
  release(id: number): void {
    this.byId.delete(id);
  }

  /** Releases the buffers of operations whose completion other threads have seen. */
  sweep(): void {
    for (const [id, hold] of this.byId) {
      if (this.operations.generation(id) !== hold.generation) this.byId.delete(id);
    }
  }

  /** Ids and generations of the operations that, as far as this thread knows, are in flight. */
  get held(): [id: number, generation: number][] {
    this.sweep();
    return [...this.byId].map(([id, { generation }]) => [id, generation]);
  }
}
