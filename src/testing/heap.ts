/**
 * A binary heap: the least key comes first; equal keys keep their insertion order.
 *
 * @module
 */

/** An entry of a {@link Heap}. */
export interface HeapEntry<T> {
  readonly key: number;
  readonly order: number;
  readonly value: T;
  /** Whether the entry was taken out or removed. */
  gone: boolean;
}

/** Values sorted by ascending keys. */
export class Heap<T> {
  private readonly entries: HeapEntry<T>[] = [];
  private order = 0;

  add(key: number, value: T): HeapEntry<T> {
    const entry = { key, order: this.order++, value, gone: false };
    const { entries } = this;
    let index = entries.length;
    entries.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!precedes(entry, entries[parent] as HeapEntry<T>)) break;
      entries[index] = entries[parent] as HeapEntry<T>;
      index = parent;
    }
    entries[index] = entry;
    return entry;
  }

  /** Removes an entry. It stays in the heap until it would be first. */
  remove(entry: HeapEntry<T>): void {
    entry.gone = true;
  }

  /** The first entry, which stays in the heap; `undefined` when there is none. */
  get first(): HeapEntry<T> | undefined {
    while (this.entries[0]?.gone) this.shift();
    return this.entries[0];
  }

  /** Takes out the first entry. */
  take(): T | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    first.gone = true;
    this.shift();
    return first.value;
  }

  private shift(): void {
    const { entries } = this;
    const last = entries.pop() as HeapEntry<T>;
    if (entries.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= entries.length) break;
      const right = child + 1;
      if (right < entries.length && precedes(entries[right] as HeapEntry<T>, entries[child] as HeapEntry<T>)) child = right;
      if (!precedes(entries[child] as HeapEntry<T>, last)) break;
      entries[index] = entries[child] as HeapEntry<T>;
      index = child;
    }
    entries[index] = last;
  }
}

function precedes(one: HeapEntry<unknown>, other: HeapEntry<unknown>): boolean {
  return one.key !== other.key ? one.key < other.key : one.order < other.order;
}
