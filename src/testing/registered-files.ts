/**
 * A ring's table of registered files: each slot keeps its file open.
 *
 * @module
 */

import type { SimulatedFile } from './files/file.js';

/** Who counts how often a file is open. */
export interface FileReferences {
  retainFile(file: SimulatedFile): void;
  releaseFile(file: SimulatedFile): void;
}

/** The table, or none. */
export class RegisteredFiles {
  private slots: (SimulatedFile | undefined)[] | undefined;
  private tags: bigint[] = [];
  /** Where automatic slots come from. */
  private first = 0;
  private end = Number.POSITIVE_INFINITY;
  /** No slot from `first` to here is free. */
  private searched = 0;

  constructor(private readonly references: FileReferences) {}

  /** Whether there is a table. */
  get exists(): boolean {
    return this.slots !== undefined;
  }

  /** Slots of the table; 0 where there is none. */
  get length(): number {
    return this.slots?.length ?? 0;
  }

  /** Makes a table of empty slots. */
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

  /** The first slot without a file that may be picked, or -1. */
  free(): number {
    const slot = this.slots?.indexOf(undefined, this.searched) ?? -1;
    this.searched = slot < 0 ? this.length : slot;
    return slot < this.end ? slot : -1;
  }

  /** Where automatic slots are to come from. FILE_ALLOC_RANGE. */
  limitFree(first: number, end: number): void {
    this.first = this.searched = first;
    this.end = end;
  }

  /** A slot has another tag. @returns the one before, or 0. */
  setTag(slot: number, tag: bigint): bigint {
    const before = this.tags[slot] ?? 0n;
    this.tags[slot] = tag;
    return before;
  }

  /** Takes all files out, and the table away. @returns the tags that there were. */
  clear(): bigint[] {
    for (let slot = 0; slot < this.length; slot++) this.set(slot, undefined);
    const tags = this.tags.filter((tag) => tag !== undefined && tag !== 0n);
    this.slots = undefined;
    this.tags = [];
    this.limitFree(0, Number.POSITIVE_INFINITY);
    return tags;
  }
}
