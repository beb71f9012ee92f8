/**
 * Buffer rings: groups of buffers from which the kernel selects one when an operation with
 * `SqeFlag.BUFFER_SELECT` is ready to use it. The program adds buffers at the tail; the kernel
 * takes them from a head that it does not share.
 *
 * ```text
 *   entry 0                            entry 1
 *   | addr u64 | len u32 | bid | tail | addr u64 | len u32 | bid | resv | ...
 *                                ^ the ring's tail overlays the first entry's unused field
 * ```
 *
 * @module
 */

import { checkBuffer, checkInteger, checkName, checkOptions, invalidState, outOfRange } from '../../validate.js';
import { BufReg, BufRingEntry, BufStatus } from '../abi/register.js';
import { MmapOffset, SetupFlag } from '../abi/setup.js';
import { type ArenaBlock, PAGE_SIZE } from '../arena.js';
import { mapPart } from '../memory.js';
import type { RingState } from '../state.js';
import { register, registerStruct, writeAddress } from './call.js';

/** The options of a buffer ring. */
export interface BufferRingOptions {
  /** The group id, 0 to 65,535, as passed to `sqe.setBufferIndex()`. */
  readonly group: number;
  /** The number of entries: a power of two, up to 32,768. */
  readonly entries: number;
  /**
   * The size of each buffer in bytes. If set, the ring allocates `entries` buffers in its arena,
   * with ids starting at 0, and provides them all.
   */
  readonly bufferSize?: number;
  /** Whether buffers are consumed incrementally instead of as a whole (INC, since 6.12). */
  readonly incremental?: boolean;
  /** The ring's memory: the arena's, or the kernel's (MMAP, since 6.4). Default: `'arena'`. */
  readonly memory?: 'arena' | 'mapped';
}

/** The groups of buffers from which the kernel selects: `ring.bufferRings`. */
export class BufferRings {
  /** @internal */
  constructor(private readonly state: RingState) {}

  /**
   * Registers a buffer ring. `io_uring_setup_buf_ring`. Since 5.19.
   *
   * @throws UringError EEXIST when the group already has one, EINVAL.
   */
  create(options: BufferRingOptions): BufferRing {
    checkOptions(options, ['group', 'entries', 'bufferSize', 'incremental', 'memory']);
    const { group, entries, bufferSize, incremental = false, memory = 'arena' } = options;
    checkInteger('options.group', group, 0, 0xffff);
    checkInteger('options.entries', entries, 1, 32768);
    if (2 ** Math.round(Math.log2(entries)) !== entries) throw outOfRange('options.entries', 'a power of two', entries);
    if (bufferSize !== undefined) checkInteger('options.bufferSize', bufferSize, 1, 0x4000_0000);
    checkName('options.memory', memory, ['arena', 'mapped'], 'a kind of memory');
    if (memory === 'mapped' && this.state.layout.setupFlags & SetupFlag.REGISTERED_FD_ONLY) {
      throw invalidState('a ring without a descriptor has nothing to map from');
    }
    const size = entries * BufRingEntry.SIZE;
    const block = memory === 'arena' ? this.state.arena.block(Math.max(size, PAGE_SIZE)) : undefined;
    try {
      registerStruct(this.state, 'PBUF_RING', BufReg.SIZE, 1, (data, at) => {
        if (block) writeAddress(data, at + BufReg.RING_ADDR, block.address);
        data.setUint32(at + BufReg.RING_ENTRIES, entries, true);
        data.setUint16(at + BufReg.BGID, group, true);
        const flags = (block ? 0 : BufReg.FLAG_MMAP) | (incremental ? BufReg.FLAG_INC : 0);
        data.setUint16(at + BufReg.FLAGS, flags, true);
      });
    } catch (error) {
      block?.free();
      throw error;
    }
    const ring = new BufferRing(this.state, group, entries, block ?? this.map(group, size));
    try {
      if (bufferSize !== undefined) ring.fill(bufferSize);
      return ring;
    } catch (error) {
      ring.release();
      throw error;
    }
  }

  private map(group: number, size: number): MappedBlock {
    const { syscalls, fd } = this.state;
    const offset = MmapOffset.PBUF_RING + group * 2 ** MmapOffset.PBUF_SHIFT;
    try {
      const mapping = mapPart(syscalls, fd, offset, size);
      return { bytes: new Uint8Array(mapping.buffer), free: () => mapping.release() };
    } catch (error) {
      unregisterGroup(this.state, group);
      throw error;
    }
  }
}

interface MappedBlock {
  readonly bytes: Uint8Array;
  free(): void;
}

/** A registered buffer ring. */
export class BufferRing {
  private readonly data: DataView;
  private readonly tails: Uint16Array;
  private readonly views = new Map<number, ArrayBufferView>();
  private readonly blocks: ArenaBlock[] = [];
  private tail = 0;
  private released = false;
  /**
   * The cleanup for when the ring itself is closed. Until then the buffers stay referenced; then a
   * mapping is released, too.
   */
  private readonly cleanup = () => {
    this.released = true;
    this.views.clear();
    this.memory.free();
  };

  /** @internal */
  constructor(
    private readonly state: RingState,
    /** The group id. */
    readonly group: number,
    /** The number of entries. */
    readonly entries: number,
    private readonly memory: MappedBlock,
  ) {
    const { bytes } = memory;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.tails = new Uint16Array(bytes.buffer, bytes.byteOffset + BufRingEntry.TAIL, 1);
    state.cleanups.add(this.cleanup);
  }

  /**
   * Adds a buffer at the tail. The kernel sees it after {@link advance}. `io_uring_buf_ring_add`.
   *
   * The view stays referenced until another view with the same id replaces it, or the ring is
   * released.
   *
   * @param id the buffer id in the CQE, 0 to 65,535.
   * @param position the number of buffers added since the last `advance`.
   */
  add(view: ArrayBufferView, id: number, position = 0): void {
    checkBuffer('view', view);
    checkInteger('id', id, 0, 0xffff);
    checkInteger('position', position, 0, this.entries - 1);
    if (this.released) throw invalidState('the buffer ring was released');
    this.views.set(id, view);
    const at = ((this.tail + position) & (this.entries - 1)) * BufRingEntry.SIZE;
    writeAddress(this.data, at + BufRingEntry.ADDR, this.state.syscalls.addressOf(view));
    this.data.setUint32(at + BufRingEntry.LEN, view.byteLength, true);
    this.data.setUint16(at + BufRingEntry.BID, id, true);
  }

  /** Makes the added buffers visible to the kernel. `io_uring_buf_ring_advance`. */
  advance(count: number): void {
    checkInteger('count', count, 0, this.entries);
    if (this.released) throw invalidState('the buffer ring was released');
    this.tail = (this.tail + count) & 0xffff;
    // Release: the kernel must see the entries when it sees the tail.
    Atomics.store(this.tails, 0, this.tail);
  }

  /** Returns a buffer to the kernel: {@link add} and {@link advance} in one call. */
  provide(view: ArrayBufferView, id: number): void {
    this.add(view, id);
    this.advance(1);
  }

  /** Returns the buffer with an id. `cqe.res` is the number of bytes that the kernel has filled. */
  buffer(id: number): ArrayBufferView | undefined {
    return this.views.get(id);
  }

  /** Returns a buffer of this ring to the kernel by its id. */
  recycle(id: number): void {
    const view = this.views.get(id);
    if (view === undefined) throw outOfRange('id', 'the id of a buffer of this ring', id);
    this.provide(view, id);
  }

  /**
   * The number of buffers that the kernel has taken so far, as a u16 that wraps.
   * `io_uring_buf_ring_head`. Since 6.8.
   */
  get head(): number {
    let head = 0;
    registerStruct(
      this.state,
      'PBUF_STATUS',
      BufStatus.SIZE,
      1,
      (data, at) => data.setUint32(at + BufStatus.GROUP, this.group, true),
      (data, at) => {
        head = data.getUint32(at + BufStatus.HEAD, true);
      },
    );
    return head & 0xffff;
  }

  /**
   * The number of buffers that the kernel can still take. `io_uring_buf_ring_available`. Since 6.8.
   */
  get available(): number {
    return (this.tail - this.head) & 0xffff;
  }

  /** Unregisters the ring. No operation may still select from it. `io_uring_free_buf_ring`. */
  release(): void {
    if (this.released) return;
    unregisterGroup(this.state, this.group);
    this.state.cleanups.delete(this.cleanup);
    this.cleanup();
    for (const block of this.blocks) block.free();
  }

  /** Allocates and provides `entries` buffers. @internal */
  fill(size: number): void {
    for (let id = 0; id < this.entries; id++) this.blocks.push(this.state.arena.block(size));
    this.blocks.forEach((block, id) => {
      this.add(block.bytes, id, id);
    });
    this.advance(this.entries);
  }
}

function unregisterGroup(state: RingState, group: number): void {
  state.arena.scratch(BufReg.SIZE, (offset, address) => {
    state.arena.data.setUint16(offset + BufReg.BGID, group, true);
    return register(state, 'UNREGISTER_PBUF_RING', address, 1);
  });
}
