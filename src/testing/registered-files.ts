/**
 * A ring's table of registered files: each slot keeps its file open.
 *
 * @module
 */

import type { SimulatedFile } from './files/file.js';

/** The reference counts of open files. */
export interface FileReferences {
  retainFile(file: SimulatedFile): void;
  releaseFile(file: SimulatedFile): void;
}

/** The table, which may not exist. */
export class RegisteredFiles {
  private slots: (SimulatedFile | undefined)[] | undefined;
  private tags: bigint[] = [];
  /** The range that automatic slots are allocated from. */
  private first = 0;
  private end = Number.POSITIVE_INFINITY;
  /** No slot from `first` to here is free. */
  private searched = 0;

  constructor(private readonly references: FileReferences) {}

  /** Whether there is a table. */
  get exists(): boolean {
    return this.slots !== undefined;
  }

  /** The number of slots; 0 if there is no table. */
  get length(): number {
    return this.slots?.length ?? 0;
  }

  /** Creates a table of empty slots. */
  create(length: number): void {
    this.slots = new Array(length).fill(undefined);
  }

  at(slot: number): SimulatedFile | undefined {
    return this.slots?.[slot];
  }

  set(slot: number, file: SimulatedFile | undefined): void {
    const { slots } = this;
    if (slots === undefined) return;
    const before = slots[slot];
    if (file !== undefined) this.references.retainFile(file);
    if (before !== undefined) this.references.releaseFile(before);
    slots[slot] = file;
    if (file === undefined && slot >= this.first) this.searched = Math.min(this.searched, slot);
  }

  /** Returns the first empty slot that may be allocated automatically, or -1. */
  free(): number {
    const slot = this.slots?.indexOf(undefined, this.searched) ?? -1;
    this.searched = slot < 0 ? this.length : slot;
    return slot < this.end ? slot : -1;
  }

  /** Sets the range that automatic slots are allocated from. FILE_ALLOC_RANGE. */
  limitFree(first: number, end: number): void {
    this.first = this.searched = first;
    this.end = end;
  }

  /** Replaces the tag of a slot. @returns the previous tag, or 0. */
  setTag(slot: number, tag: bigint): bigint {
    const before = this.tags[slot] ?? 0n;
    this.tags[slot] = tag;
    return before;
  }

  /** Removes all files and the table. @returns the tags that were set. */
  clear(): bigint[] {
    for (let slot = 0; slot < this.length; slot++) this.set(slot, undefined);
    const tags = this.tags.filter((tag) => tag !== undefined && tag !== 0n);
    this.slots = undefined;
    this.tags = [];
    this.limitFree(0, Number.POSITIVE_INFINITY);
    return tags;
  }
}
