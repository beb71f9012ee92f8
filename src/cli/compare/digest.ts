/**
 * A digest over all files that does not depend on the order in which their pieces arrive: for each
 * file, the SHA-256 hashes of its pieces with their positions, combined by exclusive or. This way
 * readers that read in different orders can be compared, file by file.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import type { Sink } from './reader.js';

/** Collects the digests of what one reader has seen. */
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

  /** Returns one file's digest, or its failure. */
  of(index: number): string {
    return this.failures.get(index) ?? this.digests.get(index)?.toString('hex') ?? 'empty';
  }

  /** Returns the digest over all files. */
  total(count: number): string {
    const hash = createHash('sha256');
    for (let index = 0; index < count; index++) hash.update(this.of(index)).update('\n');
    return hash.digest('hex');
  }
}

/** Only counts, for the timed rounds. */
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
