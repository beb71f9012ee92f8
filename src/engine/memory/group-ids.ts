/**
 * Ids of buffer groups: each belongs to one group at a time.
 *
 * @module
 */

/** The allocator of buffer group ids. */
export class GroupIds {
  private readonly free: number[] = [];
  private next = 0;

  take(): number {
    return this.free.pop() ?? this.next++;
  }

  give(id: number): void {
    this.free.push(id);
  }
}
