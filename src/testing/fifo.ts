/**
 * A queue whose operations all take constant time, however long it is.
 *
 * @module
 */

/** A first-in, first-out queue. */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** The oldest item, which stays in the queue. */
  get first(): T | undefined {
    return this.items[this.head];
  }

  /** Takes out the oldest item. */
  shift(): T | undefined {
    const item = this.items[this.head];
    if (this.length === 0) return undefined;
    this.items[this.head++] = undefined;
    // Half of the array is empty: move the remainder to the front.
    if (2 * this.head > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  /** Takes out all items, oldest first. */
  takeAll(): T[] {
    const all = this.items.slice(this.head) as T[];
    this.items = [];
    this.head = 0;
    return all;
  }
}
