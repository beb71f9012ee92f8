/**
 * The table of registered files ("direct descriptors"): operations with `SqeFlag.FIXED_FILE`
 * identify a file by its slot.
 *
 * @module
 */

import { checkInteger, checkUint32, checkUint64, invalidArgType, outOfRange } from '../../validate.js';
import { FILES_SKIP, FileIndexRange, RsrcRegister, RsrcUpdate, RsrcUpdate2 } from '../abi/register.js';
import type { RingState } from '../state.js';
import { register, registerStruct, writeAddress, writeInts, writeTags } from './call.js';

const MAX_FILES = 0x8000_0000;

/** An empty slot in a list of descriptors. */
const EMPTY = -1;

/** The table of registered files: `ring.files`. */
export class FileTable {
  /** @internal */
  constructor(private readonly state: RingState) {}

  /**
   * Registers files; slot i gets `fds[i]`, or stays empty for -1. `io_uring_register_files`. Since
   * 5.1 (-1: 5.5).
   *
   * @throws UringError EBUSY when a table is already registered, EBADF, EMFILE (RLIMIT_NOFILE).
   */
  register(fds: readonly number[]): void {
    checkFds('fds', fds, EMPTY);
    registerStruct(this.state, 'FILES', 4 * fds.length, fds.length, (data, offset) => writeInts(data, offset, fds));
  }

  /**
   * Registers files with tags. When the kernel releases the file of slot i, it posts a CQE with
   * `tags[i]` as user data (none for tag 0). `io_uring_register_files_tags`. Since 5.13; Linux 6.1
   * posts none when the whole table is unregistered.
   */
  registerTagged(fds: readonly number[], tags: readonly (number | bigint)[]): void {
    checkFds('fds', fds, EMPTY);
    checkTags(tags, fds.length);
    registerResources(this.state, 'FILES2', fds.length, 4, 0, tags, (data, offset) => writeInts(data, offset, fds));
  }

  /**
   * Registers a table of empty slots. `io_uring_register_files_sparse`. Since 5.19.
   *
   * @param slots 1 or more, limited by RLIMIT_NOFILE.
   */
  registerSparse(slots: number): void {
    checkInteger('slots', slots, 1, MAX_FILES);
    registerResources(this.state, 'FILES2', slots, 0, RsrcRegister.FLAG_SPARSE, [], () => undefined);
  }

  /**
   * Replaces the files in the slots from `offset` on; -1 empties a slot, -2 leaves it unchanged
   * (5.12). `io_uring_register_files_update`. Since 5.5.
   *
   * @returns the number of updated slots.
   */
  update(offset: number, fds: readonly number[]): number {
    checkUint32('offset', offset);
    checkFds('fds', fds, FILES_SKIP);
    const size = RsrcUpdate.SIZE + 4 * fds.length;
    return this.state.arena.scratch(size, (at, address) => {
      const { data } = this.state.arena;
      data.setUint32(at + RsrcUpdate.OFFSET, offset, true);
      writeAddress(data, at + RsrcUpdate.DATA, address + RsrcUpdate.SIZE);
      writeInts(data, at + RsrcUpdate.SIZE, fds);
      return register(this.state, 'FILES_UPDATE', address, fds.length);
    });
  }

  /**
   * Replaces files like {@link update}, with tags. `io_uring_register_files_update_tag`. Since
   * 5.13.
   */
  updateTagged(offset: number, fds: readonly number[], tags: readonly (number | bigint)[]): number {
    checkUint32('offset', offset);
    checkFds('fds', fds, FILES_SKIP);
    checkTags(tags, fds.length);
    return updateResources(this.state, 'FILES_UPDATE2', offset, fds.length, 4, tags, (data, at) => writeInts(data, at, fds));
  }

  /**
   * Sets the range of slots from which FILE_INDEX_ALLOC chooses.
   * `io_uring_register_file_alloc_range`. Since 6.0.
   */
  setAllocRange(offset: number, length: number): void {
    checkUint32('offset', offset);
    checkUint32('length', length);
    registerStruct(this.state, 'FILE_ALLOC_RANGE', FileIndexRange.SIZE, 0, (data, at) => {
      data.setUint32(at + FileIndexRange.OFF, offset, true);
      data.setUint32(at + FileIndexRange.LEN, length, true);
    });
  }

  /**
   * Unregisters the table; operations in flight keep their files. `io_uring_unregister_files`.
   *
   * @throws UringError ENXIO when there is none.
   */
  unregister(): void {
    register(this.state, 'UNREGISTER_FILES', 0, 0);
  }
}

/**
 * Registers resources with a `struct io_uring_rsrc_register`; shared by files and buffers.
 * @internal
 */
export function registerResources(
  state: RingState,
  operation: 'FILES2' | 'BUFFERS2',
  count: number,
  itemSize: number,
  flags: number,
  tags: readonly (number | bigint)[],
  writeItems: (data: DataView, offset: number) => void,
): void {
  const itemsAt = RsrcRegister.SIZE;
  const tagsAt = itemsAt + Math.ceil((count * itemSize) / 8) * 8;
  state.arena.scratch(tagsAt + 8 * tags.length, (offset, address) => {
    const { data } = state.arena;
    data.setUint32(offset + RsrcRegister.NR, count, true);
    data.setUint32(offset + RsrcRegister.FLAGS, flags, true);
    if (itemSize > 0) writeAddress(data, offset + RsrcRegister.DATA, address + itemsAt);
    if (tags.length > 0) writeAddress(data, offset + RsrcRegister.TAGS, address + tagsAt);
    writeItems(data, offset + itemsAt);
    writeTags(data, offset + tagsAt, tags);
    return register(state, operation, address, RsrcRegister.SIZE);
  });
}

/**
 * Updates resources with a `struct io_uring_rsrc_update2`; shared by files and buffers. @internal
 */
export function updateResources(
  state: RingState,
  operation: 'FILES_UPDATE2' | 'BUFFERS_UPDATE',
  first: number,
  count: number,
  itemSize: number,
  tags: readonly (number | bigint)[],
  writeItems: (data: DataView, offset: number) => void,
): number {
  const itemsAt = RsrcUpdate2.SIZE;
  const tagsAt = itemsAt + Math.ceil((count * itemSize) / 8) * 8;
  return state.arena.scratch(tagsAt + 8 * tags.length, (offset, address) => {
    const { data } = state.arena;
    data.setUint32(offset + RsrcUpdate2.OFFSET, first, true);
    data.setUint32(offset + RsrcUpdate2.NR, count, true);
    writeAddress(data, offset + RsrcUpdate2.DATA, address + itemsAt);
    if (tags.length > 0) writeAddress(data, offset + RsrcUpdate2.TAGS, address + tagsAt);
    writeItems(data, offset + itemsAt);
    writeTags(data, offset + tagsAt, tags);
    return register(state, operation, address, RsrcUpdate2.SIZE);
  });
}

function checkFds(name: string, fds: unknown, least: number): void {
  if (!Array.isArray(fds)) throw invalidArgType(name, 'an array of file descriptors', fds);
  if (fds.length === 0) throw outOfRange(`${name}.length`, '>= 1', 0);
  fds.forEach((fd, index) => {
    checkInteger(`${name}[${index}]`, fd, least, 0x7fff_ffff);
  });
}

/** Checks for as many tags as items, each a u64. @internal */
export function checkTags(tags: unknown, count: number): void {
  if (!Array.isArray(tags)) throw invalidArgType('tags', 'an array of numbers or bigints', tags);
  if (tags.length !== count) throw outOfRange('tags.length', `${count}, as many as there are items`, tags.length);
  tags.forEach((tag, index) => {
    checkUint64(`tags[${index}]`, tag);
  });
}
