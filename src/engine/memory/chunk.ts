/**
 * A piece of data in a buffer that the kernel has selected and that is returned to the kernel.
 *
 * @module
 */

import { invalidState } from '../../validate.js';
import type { Block } from './pool.js';

/** The owner of the buffers. */
export interface ChunkSource {
  /** Takes back a buffer whose data is no longer needed. */
  giveBack(id: number): void;
}

interface PassedDescriptors {
  readonly descriptors: readonly number[];
  /** Set until the caller has read the descriptors. */
  close: (() => void) | undefined;
}

/**
 * The constructor of a kind of chunk: the buffer that a completion has taken, and how many bytes of
 * it.
 */
export type ChunkKind<Kind extends Chunk> = new (
  source: ChunkSource,
  id: number,
  block: Block,
  start: number,
  length: number,
) => Kind;

/**
 * A piece of data in a buffer that belongs to the reader until it is released, at the latest when
 * the next one is requested.
 *
 * Operations that are given its {@link bytes} (or, for connections, the chunk itself) use that
 * memory in place. If it is released meanwhile, its buffer is returned only when the last of them
 * has completed.
 */
export class Chunk {
  private view: Buffer | undefined;
  private live = true;
  private passed: PassedDescriptors | undefined;
  /** The reader, plus the operations that use it. */
  private users = 1;

  /** @internal */
  constructor(
    private readonly source: ChunkSource,
    private readonly id: number,
    protected readonly block: Block,
    protected readonly start: number,
    /** The number of bytes. */
    readonly length: number,
  ) {}

  /** The data, on shared memory. Must not be used after {@link release}. */
  get bytes(): Buffer {
    const { region, offset } = this.checked();
    this.view ??= Buffer.from(region.memory, offset + this.start, this.length);
    return this.view;
  }

  /**
   * The descriptors that arrived with it over a Unix socket, on connections that accept them. From
   * the first access on they belong to the caller, who must close them. Descriptors that are never
   * accessed are closed when the chunk is released.
   */
  get descriptors(): readonly number[] {
    this.checked();
    const { passed } = this;
    if (passed === undefined) return [];
    passed.close = undefined;
    return passed.descriptors;
  }

  /**
   * Copies the data to memory of its own, which remains valid. Faster than copying {@link bytes}:
   * V8 copies shared memory word by word.
   */
  copy(): Buffer {
    return Buffer.from(this.checked().plain(this.start, this.length));
  }

  /**
   * Copies the data like {@link copy}, but into a `buffer` that holds nothing else, as Node's own
   * sockets do.
   *
   * @internal
   */
  copyAlone(): Buffer {
    const data = Buffer.allocUnsafeSlow(this.length);
    this.copyTo(data);
    return data;
  }

  /** Returns the data as text. Faster than `toString` of {@link bytes}, for the same reason. */
  toString(encoding: BufferEncoding = 'utf8'): string {
    return this.checked().plain(this.start, this.length).toString(encoding);
  }

  /** Returns the buffer to the kernel. Idempotent. */
  release(): void {
    if (!this.live) return;
    this.live = false;
    this.passed?.close?.();
    this.drop();
  }

  /** The text that `console.log` shows. @internal */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.live ? `Chunk(${this.length}) ${JSON.stringify(this.toString('latin1').slice(0, 64))}` : 'Chunk (released)';
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** Attaches descriptors that arrived with it. @param close closes them. @internal */
  attach(descriptors: readonly number[], close: () => void): void {
    this.passed = { descriptors, close };
  }

  /** Copies the data to `target`. @internal */
  copyTo(target: Uint8Array): void {
    target.set(this.checked().plain(this.start, this.length));
  }

  /** Its address, for operations that {@link use} it. @internal */
  get address(): number {
    return this.block.address + this.start;
  }

  /**
   * Adds an operation that uses it, until {@link drop}.
   *
   * @throws Error ERR_INVALID_STATE when it was released.
   * @internal
   */
  use(): void {
    this.checked();
    this.users++;
  }

  /** Removes a user. @internal */
  drop(): void {
    if (--this.users === 0) this.source.giveBack(this.id);
  }

  /** @throws Error ERR_INVALID_STATE when it was released. @internal */
  protected checked(): Block {
    if (!this.live) throw invalidState('the chunk was released');
    return this.block;
  }
}
