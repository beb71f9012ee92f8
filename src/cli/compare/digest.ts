/**
 * A digest over all files that does not depend on the order in which their pieces come: SHA-256 of each piece with its place, added
 * up by exclusive or, for each file. So three readers that go about it in three orders can be compared, file by file.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import type { Sink } from './reader.js';

/** Collects what one reader has seen. */
export class DigestSink implements Sink {
  readonly failures = new Map<number, string>();
  bytes = 0;
  files = 0;
  private readonly digests = new Map<number, Buffer>();

  piece(index: number, offset: number, bytes: Uint8Array): void {
    this.bytes += bytes.length;
    const hash = createHash('sha256').update(`${offset}:${bytes.length}:`).update(bytes).digest();
    const before = this.digests.get(index);
    if (before) for (let i = 0; i < hash.length; i++) hash[i] = (hash[i] as number) ^ (before[i] as number);
    this.digests.set(index, hash);
  }

  failed(index: number, code: string): void {
    this.failures.set(index, code);
  }

  done(): void {
    this.files++;
  }

  /** One file's digest, or its failure. */
  of(index: number): string {
    return this.failures.get(index) ?? this.digests.get(index)?.toString('hex') ?? 'empty';
  }

  /** The digest over all files. */
  total(count: number): string {
    const hash = createHash('sha256');
    for (let index = 0; index < count; index++) hash.update(this.of(index)).update('\n');
    return hash.digest('hex');
  }
}

/** Counts only: for the rounds that are timed. */
export class CountingSink implements Sink {
  bytes = 0;
  files = 0;
  failures = 0;

  piece(_index: number, _offset: number, bytes: Uint8Array): void {
    this.bytes += bytes.length;
  }

  failed(): void {
    this.failures++;
  }

  done(): void {
    this.files++;
  }
}
