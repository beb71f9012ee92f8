/**
 * The table of registered buffers: memory that the kernel has mapped and pinned once, for
 * READ_FIXED, WRITE_FIXED, and related operations. Registered views stay referenced until they are
 * unregistered or replaced, or the ring is closed.
 *
 * @module
 */

import { checkBuffer, checkInteger, checkOptions, checkUint32, invalidArgType, outOfRange } from '../../validate.js';
import { CloneBuffers, Iovec, RsrcRegister } from '../abi/register.js';
import type { RingState } from '../state.js';
import { register, registerStruct, writeAddress } from './call.js';
import { checkTags, registerResources, updateResources } from './files.js';

/** The maximum number of buffers in a table. */
const MAX_BUFFERS = 16384;

/** The maximum size of a registered buffer: 1 GiB. */
const MAX_BUFFER_SIZE = 0x4000_0000;

/** A ring whose buffers are cloned. */
export interface CloneSource {
  /** The ring's descriptor. */
  readonly fd: number;
}

/** The table of registered buffers: `ring.buffers`. */
export class BufferTable {
  private readonly held: (ArrayBufferView | undefined)[] = [];

  /** @internal */
  constructor(private readonly state: RingState) {
    state.holds.add(this.held);
  }

  /**
   * Registers buffers; slot i gets `views[i]`. `io_uring_register_buffers`. Since 5.1.
   *
   * @param views 1 to 16,384 views of anonymous memory, at most 1 GiB each.
   * @throws UringError EBUSY when a table is already registered, ENOMEM (RLIMIT_MEMLOCK), EFAULT.
   */
  register(views: readonly ArrayBufferView[]): void {
    checkViews(views);
    const write = this.writer(views);
    registerStruct(this.state, 'BUFFERS', Iovec.SIZE * views.length, views.length, write);
    this.hold(0, views);
  }

  /**
   * Registers buffers with tags. When the kernel releases slot i, it posts a CQE with `tags[i]` as
   * user data (none for tag 0). `io_uring_register_buffers_tags`. Since 5.13; Linux 6.1 posts none
   * when the whole table is unregistered.
   */
  registerTagged(views: readonly ArrayBufferView[], tags: readonly (number | bigint)[]): void {
    checkViews(views);
    checkTags(tags, views.length);
    registerResources(this.state, 'BUFFERS2', views.length, Iovec.SIZE, 0, tags, this.writer(views));
    this.hold(0, views);
  }

  /**
   * Registers a table of empty slots, to be filled by {@link update}.
   * `io_uring_register_buffers_sparse`. Since 5.19.
   *
   * @param slots 1 to 16,384.
   */
  registerSparse(slots: number): void {
    checkInteger('slots', slots, 1, MAX_BUFFERS);
    registerResources(this.state, 'BUFFERS2', slots, 0, RsrcRegister.FLAG_SPARSE, [], () => undefined);
  }

  /**
   * Replaces the buffers in the slots from `offset` on; `null` empties a slot.
   * `io_uring_register_buffers_update_tag`. Since 5.13.
   *
   * Operations in flight continue with the old buffers; the code that started them must keep those
   * alive.
   *
   * @param tags as in {@link registerTagged}; none by default.
   * @returns the number of updated slots.
   */
  update(offset: number, views: readonly (ArrayBufferView | null)[], tags: readonly (number | bigint)[] = []): number {
    checkUint32('offset', offset);
    checkViews(views);
    if (tags.length > 0) checkTags(tags, views.length);
    const updated = updateResources(this.state, 'BUFFERS_UPDATE', offset, views.length, Iovec.SIZE, tags, this.writer(views));
    this.hold(offset, views.slice(0, updated));
    return updated;
  }

  /**
   * Registers the buffers of another ring with this one, too. `io_uring_clone_buffers`. Since 6.12;
   * a part of them since 6.13.
   *
   * @param source the other ring. Its views must stay alive as long as either ring uses them.
   * @param options `sourceOffset`, `offset`, and `count` (0: all) select a part; `replace` allows
   *   this ring to have a table already.
   */
  cloneFrom(
    source: CloneSource,
    options: { sourceOffset?: number; offset?: number; count?: number; replace?: boolean } = {},
  ): void {
    if (typeof source !== 'object' || source === null) throw invalidArgType('source', 'a ring', source);
    checkOptions(options, ['sourceOffset', 'offset', 'count', 'replace']);
    const { sourceOffset = 0, offset = 0, count = 0, replace = false } = options;
    checkInteger('source.fd', source.fd, 0, 0x7fff_ffff);
    checkUint32('options.sourceOffset', sourceOffset);
    checkUint32('options.offset', offset);
    checkUint32('options.count', count);
    registerStruct(this.state, 'CLONE_BUFFERS', CloneBuffers.SIZE, 1, (data, at) => {
      data.setUint32(at + CloneBuffers.SRC_FD, source.fd, true);
      data.setUint32(at + CloneBuffers.FLAGS, replace ? CloneBuffers.FLAG_DST_REPLACE : 0, true);
      data.setUint32(at + CloneBuffers.SRC_OFF, sourceOffset, true);
      data.setUint32(at + CloneBuffers.DST_OFF, offset, true);
      data.setUint32(at + CloneBuffers.NR, count, true);
    });
    // This ring now uses the views of the other; both rings reference them.
    if ('buffers' in source && source.buffers instanceof BufferTable) {
      const views = source.buffers.held.slice(sourceOffset, count === 0 ? undefined : sourceOffset + count);
      this.hold(offset, views);
    }
  }

  /**
   * Unregisters the table without waiting. Operations in flight continue with the buffers; the code
   * that started them must keep those alive until their completions. `io_uring_unregister_buffers`.
   *
   * @throws UringError ENXIO when there is none.
   */
  unregister(): void {
    register(this.state, 'UNREGISTER_BUFFERS', 0, 0);
    this.held.length = 0;
  }

  private hold(offset: number, views: readonly (ArrayBufferView | null | undefined)[]): void {
    views.forEach((view, index) => {
      this.held[offset + index] = view ?? undefined;
    });
  }

  private writer(views: readonly (ArrayBufferView | null)[]): (data: DataView, offset: number) => void {
    return (data, offset) => {
      views.forEach((view, index) => {
        if (view === null) return;
        const at = offset + index * Iovec.SIZE;
        writeAddress(data, at + Iovec.BASE, this.state.syscalls.addressOf(view));
        writeAddress(data, at + Iovec.LEN, view.byteLength);
      });
    };
  }
}

function checkViews(views: readonly (ArrayBufferView | null)[]): void {
  if (!Array.isArray(views)) throw invalidArgType('views', 'an array of Buffer, TypedArray, or DataView', views);
  if (views.length === 0 || views.length > MAX_BUFFERS) {
    throw outOfRange('views.length', `>= 1 && <= ${MAX_BUFFERS}`, views.length);
  }
  views.forEach((view, index) => {
    if (view === null) return;
    checkBuffer(`views[${index}]`, view);
    if (view.byteLength > MAX_BUFFER_SIZE)
      throw outOfRange(`views[${index}].byteLength`, `<= ${MAX_BUFFER_SIZE}`, view.byteLength);
  });
}
