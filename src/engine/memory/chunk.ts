/**
 * A piece of data in a buffer that the kernel has chosen, and that goes back to the kernel.
 *
 * @module
 */

import { invalidState } from '../../validate.js';
import type { Block } from './pool.js';

/** Whose the buffers are. */
export interface ChunkSource {
  /** Nobody needs what is in a buffer any more. */
  giveBack(id: number): void;
}

interface PassedDescriptors {
  readonly descriptors: readonly number[];
  /** While nobody has asked for them. */
  close: (() => void) | undefined;
}

/** The kinds of chunks: where the buffer lies that a completion has taken, and how many bytes of it. */
export type ChunkKind<Kind extends Chunk> = new (
  source: ChunkSource,
  id: number,
  block: Block,
  start: number,
  length: number,
) => Kind;

/**
 * A piece of data, in a buffer that is the reader's until it is released: at the latest when the next one is asked for.
 *
 * Operations that are given its {@link bytes} (or, for connections, the chunk itself) use that memory as it is; released in the meantime, it goes
 * back only when the last of them is over.
 */
export class Chunk {
  private view: Buffer | undefined;
  private live = true;
  private passed: PassedDescriptors | undefined;
  /** The reader, and the operations that use it. */
  private users = 1;

  /** @internal */
  constructor(
    private readonly source: ChunkSource,
    private readonly id: number,
    protected readonly block: Block,
    protected readonly start: number,
    /** How many bytes. */
    readonly length: number,
  ) {}

  /** The data, on shared memory. Not to be used after {@link release}. */
  get bytes(): Buffer {
    const { region, offset } = this.checked();
    this.view ??= Buffer.from(region.memory, offset + this.start, this.length);
    return this.view;
  }

  /**
   * Descriptors that came with it over a Unix socket, for connections that take them: the caller's, who closes them, from the first time that they are
   * asked for. Those that nobody asks for are closed when the chunk is released.
   */
  get descriptors(): readonly number[] {
    this.checked();
    const { passed } = this;
    if (passed === undefined) return [];
    passed.close = undefined;
    return passed.descriptors;
  }

  /** The data in memory of its own, which stays. Faster than copying {@link bytes}: V8 copies shared memory word by word. */
  copy(): Buffer {
    return Buffer.from(this.checked().plain(this.start, this.length));
  }

  /** As {@link copy}, but with nothing else in its `buffer`: as Node's own sockets give it. @internal */
  copyAlone(): Buffer {
    const data = Buffer.allocUnsafeSlow(this.length);
    this.copyTo(data);
    return data;
  }

  /** The data as text. Faster than that of {@link bytes}, for the same reason. */
  toString(encoding: BufferEncoding = 'utf8'): string {
    return this.checked().plain(this.start, this.length).toString(encoding);
  }

  /** Gives the buffer back to the kernel. Idempotent. */
  release(): void {
    if (!this.live) return;
    this.live = false;
    this.passed?.close?.();
    this.drop();
  }

  /** For `console.log`. @internal */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.live ? `Chunk(${this.length}) ${JSON.stringify(this.toString('latin1').slice(0, 64))}` : 'Chunk (released)';
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** Descriptors have come with it. @param close closes them. @internal */
  attach(descriptors: readonly number[], close: () => void): void {
    this.passed = { descriptors, close };
  }

  /** Copies it. @internal */
  copyTo(target: Uint8Array): void {
    target.set(this.checked().plain(this.start, this.length));
  }

  /** Where it lies, for those who {@link use} it. @internal */
  get address(): number {
    return this.block.address + this.start;
  }

  /** An operation uses it, until it {@link drop}s it. @throws Error ERR_INVALID_STATE when it was released. @internal */
  use(): void {
    this.checked();
    this.users++;
  }

  /** One user fewer. @internal */
  drop(): void {
    if (--this.users === 0) this.source.giveBack(this.id);
  }

  /** @throws Error ERR_INVALID_STATE when it was released. @internal */
  protected checked(): Block {
    if (!this.live) throw invalidState('the chunk was released');
    return this.block;
  }
}
