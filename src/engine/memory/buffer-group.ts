/**
 * A group of buffers that the kernel chooses from when something has come: a ring of provided buffers over blocks of the pool.
 *
 * ```text
 *   the kernel's --completion--> chunks of it are out --the last one is dropped--> the kernel's again
 *        ^                            |
 *        +-- incremental: more of the same buffer follows, while its earlier chunks are still out
 * ```
 *
 * @module
 */

import { PAGE_SIZE } from '../../ring/arena.js';
import { type BufferRing, CQE_BUFFER_SHIFT, CqeFlag } from '../../ring/index.js';
import { Errno, UringError } from '../../syscalls/index.js';
import type { BufferOwner } from './buffers.js';
import type { Chunk, ChunkKind, ChunkSource } from './chunk.js';
import type { KernelMemory } from './kernel-memory.js';
import type { Block } from './pool.js';

/** What a group is to be. */
export interface BufferGroupOptions {
  /** A power of two up to 32,768. */
  readonly count: number;
  /** Bytes of each. */
  readonly size: number;
  /** Buffers are filled bit by bit, where the kernel can (6.12). Only for streams: a datagram would be cut at a buffer's end. */
  readonly incremental?: boolean;
  /** The kernel has one more. */
  readonly replenished: () => void;
}

/** A buffer of the group. */
class GroupBuffer implements BufferOwner {
  /** Chunks of it that are out, and operations that use them. */
  users = 0;
  /** Where the kernel goes on, when it is not done with it. */
  next = 0;
  isKernels = true;

  constructor(
    readonly block: Block,
    readonly view: Uint8Array,
    private readonly unused: (buffer: GroupBuffer) => void,
    readonly id: number,
  ) {}

  covers(view: ArrayBufferView): boolean {
    return this.users > 0 && view.byteOffset + view.byteLength <= this.view.byteOffset + this.view.length;
  }

  use(): void {
    this.users++;
  }

  readonly unuse = (): void => {
    if (--this.users === 0 && !this.isKernels) this.unused(this);
  };
}

/** The buffers, and the group that the kernel knows them by. */
export class BufferGroup implements ChunkSource {
  readonly id: number;
  private readonly bufferRing: BufferRing;
  private readonly buffers: GroupBuffer[] = [];
  private free = 0;
  private ended = false;

  /** @throws UringError where the kernel has no rings of buffers (before 5.19), ENOMEM; RangeError for lack of memory. Nothing stays then. */
  constructor(
    private readonly memory: KernelMemory,
    private readonly options: BufferGroupOptions,
  ) {
    this.id = memory.groupIds.take();
    try {
      this.bufferRing = this.createRing();
    } catch (error) {
      memory.groupIds.give(this.id);
      throw error;
    }
    try {
      this.fill();
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** How many buffers the kernel has. */
  get available(): number {
    return this.free;
  }

  /** What a completion has brought. */
  take<Kind extends Chunk>(res: number, flags: number, kind: ChunkKind<Kind>): Kind {
    const buffer = this.buffers[flags >>> CQE_BUFFER_SHIFT] as GroupBuffer;
    const start = buffer.next;
    buffer.users++;
    if (flags & CqeFlag.BUF_MORE) buffer.next += res;
    else this.taken(buffer);
    return new kind(this, buffer.id, buffer.block, start, res);
  }

  /** A completion has taken a buffer, and put nothing into it. */
  unused(flags: number): void {
    if (!(flags & CqeFlag.BUFFER) || flags & CqeFlag.BUF_MORE) return;
    const buffer = this.buffers[flags >>> CQE_BUFFER_SHIFT] as GroupBuffer;
    this.taken(buffer);
    if (buffer.users === 0) this.provide(buffer);
  }

  giveBack(id: number): void {
    this.buffers[id]?.unuse();
  }

  /** The kernel is done with the group. What is out stays where it is. */
  end(): void {
    this.ended = true;
    if (!this.memory.ring.closed) this.bufferRing.release();
    this.memory.groupIds.give(this.id);
    for (const buffer of this.buffers) {
      buffer.isKernels = false;
      if (buffer.users === 0) this.provide(buffer);
    }
  }

  private fill(): void {
    const { pool, buffers } = this.memory;
    const { count, size } = this.options;
    for (let id = 0; id < count; id++) {
      // A page at least: a view's owner is looked for at the starts of pages.
      const block = pool.take(Math.max(PAGE_SIZE, size));
      const view = new Uint8Array(block.region.memory, block.offset, size);
      const buffer = new GroupBuffer(block, view, this.provide, id);
      buffers.own(block, buffer);
      this.buffers.push(buffer);
      this.bufferRing.add(view, id, id);
    }
    this.bufferRing.advance(count);
    this.free = count;
  }

  private createRing(): BufferRing {
    const { bufferRings } = this.memory.ring;
    const ring = { group: this.id, entries: this.options.count };
    if (!this.options.incremental) return bufferRings.create(ring);
    try {
      return bufferRings.create({ ...ring, incremental: true });
    } catch (error) {
      if (!(error instanceof UringError) || error.errno !== -Errno.EINVAL) throw error;
      return bufferRings.create(ring);
    }
  }

  private taken(buffer: GroupBuffer): void {
    buffer.isKernels = false;
    buffer.next = 0;
    this.free--;
  }

  /** One is free: for the kernel, or after the end for the pool. */
  private readonly provide = (buffer: GroupBuffer): void => {
    if (this.ended) {
      const { pool, buffers } = this.memory;
      buffers.disown(buffer.block);
      pool.give(buffer.block);
      return;
    }
    // A ring that has failed was closed without those who receive having come to an end.
    if (this.memory.ring.closed) return;
    buffer.isKernels = true;
    this.free++;
    this.bufferRing.provide(buffer.view, buffer.id);
    this.options.replenished();
  };
}
