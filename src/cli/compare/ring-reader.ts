/**
 * Reads files through the ring, 64 at a time.
 *
 * A small file is one chain: OPENAT into a slot of the registered files, READ from the slot, CLOSE
 * of the slot. The chain breaks if the open fails. The read is hard-linked: a file shorter than the
 * buffer is a short read, and must be closed nevertheless. A file that fills the buffer is large:
 * it is opened again and read in pieces, several of them in flight.
 *
 * @module
 */

import { AT_FDCWD, prepCloseDirect, prepOpenat, prepRead } from '../../ops/index.js';
import { type Cqe, Ring, type Sqe, SqeFlag } from '../../ring/index.js';
import { errnoName } from '../../syscalls/index.js';
import { IN_FLIGHT, PIECE_SIZE, type Reader, type Sink, SMALL_SIZE } from './reader.js';

/** Without O_CLOEXEC: a slot is not a descriptor, and the kernel rejects the flag for one. */
const O_RDONLY = 0;

/** The longest path, with its null byte: PATH_MAX. */
const PATH_SIZE = 4096;

/** The number of pieces in flight, over all large files. */
const PIECES = 8;

/** The number of large files read at the same time. */
const LARGE_FILES = 2;

/** How long the loop runs before it lets the event loop turn, for Ctrl-C and the progress bar. */
const TURN_MS = 50;

const Step = { OPEN: 0, READ: 1, CLOSE: 2, LARGE_OPEN: 3, PIECE: 4, LARGE_CLOSE: 5 } as const;

const STEPS = 8;

interface LargeFile {
  /** -1 when there is none. */
  index: number;
  state: 'opening' | 'reading' | 'ended' | 'closing';
  /** The offset of the next piece. */
  next: number;
  /** The number of pieces in flight. */
  pending: number;
}

interface Piece {
  readonly offset: number;
  file: number;
  at: number;
  /** The number of bytes of the piece that have been read. */
  filled: number;
}

/** Reads through the ring. */
export class RingReader implements Reader {
  readonly name = 'io_uring';
  private readonly ring: Ring;
  private readonly paths: number[];
  private readonly buffers: number[];
  /** The file that each slot is reading; -1 for a free slot. */
  private readonly files = new Array<number>(IN_FLIGHT).fill(-1);
  private readonly free: number[] = [];
  private readonly large: LargeFile[];
  private readonly pieces: Piece[];
  private readonly largeQueue: number[] = [];
  private readonly onCqe = (cqe: Cqe) => this.completed(cqe);
  private inFlight = 0;
  private list: readonly string[] = [];
  private sink: Sink | undefined;

  constructor() {
    this.ring = Ring.open({
      entries: 256,
      optionalFlags: ['SINGLE_ISSUER', 'DEFER_TASKRUN', 'SUBMIT_ALL', 'NO_SQARRAY'],
    });
    const { arena, files } = this.ring;
    files.registerSparse(IN_FLIGHT + LARGE_FILES);
    const blocks = (count: number, size: number) => Array.from({ length: count }, () => arena.allocate(size));
    this.paths = blocks(IN_FLIGHT + LARGE_FILES, PATH_SIZE);
    this.buffers = blocks(IN_FLIGHT, SMALL_SIZE);
    this.large = Array.from({ length: LARGE_FILES }, () => ({ index: -1, state: 'ended', next: 0, pending: 0 }));
    this.pieces = blocks(PIECES, PIECE_SIZE).map((offset) => ({ offset, file: -1, at: 0, filled: 0 }));
    for (let slot = IN_FLIGHT - 1; slot >= 0; slot--) this.free.push(slot);
  }

  async read(list: readonly string[], sink: Sink, signal: AbortSignal): Promise<void> {
    this.list = list;
    this.sink = sink;
    this.largeQueue.length = 0;
    const { ring } = this;
    let next = 0;
    let turnEnds = performance.now() + TURN_MS;
    while ((next < list.length && !signal.aborted) || this.busy) {
      if (signal.aborted) this.largeQueue.length = 0;
      while (next < list.length && this.free.length > 0 && !signal.aborted) this.startSmall(next++);
      this.startLarge();
      for (let which = 0; which < LARGE_FILES; which++) this.continueLarge(which, signal.aborted);
      // Cached files complete within the call. Waiting for a part of the operations in flight keeps
      // the batches large.
      if (this.inFlight > 0) ring.submitAndWait(Math.max(1, this.inFlight >> 1));
      ring.forEachCqe(this.onCqe);
      if (performance.now() > turnEnds) {
        await new Promise((resolve) => setImmediate(resolve));
        turnEnds = performance.now() + TURN_MS;
      }
    }
  }

  close(): void {
    this.ring.close();
  }

  private get busy(): boolean {
    return this.inFlight > 0 || this.largeQueue.length > 0 || this.large.some((file) => file.index >= 0);
  }

  private startSmall(index: number): void {
    const slot = this.free.pop() as number;
    const path = this.writePath(slot, index);
    if (path < 0) {
      this.free.push(slot);
      return;
    }
    this.files[slot] = index;
    const open = this.next(slot, Step.OPEN);
    prepOpenat(open, AT_FDCWD, path, O_RDONLY, 0, slot);
    this.tag(open, slot, Step.OPEN, SqeFlag.IO_LINK);
    const read = this.next(slot, Step.READ);
    prepRead(read, slot, this.ring.arena.address(this.buffers[slot] as number), SMALL_SIZE, 0);
    this.tag(read, slot, Step.READ, SqeFlag.FIXED_FILE | SqeFlag.IO_HARDLINK);
    const close = this.next(slot, Step.CLOSE);
    prepCloseDirect(close, slot);
    this.tag(close, slot, Step.CLOSE, 0);
  }

  private startLarge(): void {
    for (let which = 0; which < LARGE_FILES && this.largeQueue.length > 0; which++) {
      const file = this.large[which] as LargeFile;
      if (file.index >= 0) continue;
      const index = this.largeQueue.shift() as number;
      const path = this.writePath(IN_FLIGHT + which, index);
      if (path < 0) continue;
      Object.assign(file, { index, state: 'opening', next: 0, pending: 0 });
      const open = this.next(which, Step.LARGE_OPEN);
      prepOpenat(open, AT_FDCWD, path, O_RDONLY, 0, IN_FLIGHT + which);
      this.tag(open, which, Step.LARGE_OPEN, 0);
    }
  }

  /**
   * Reads on in a large file, as far as pieces are free, and closes it when none of its pieces is
   * in flight any more.
   */
  private continueLarge(which: number, aborted: boolean): void {
    const file = this.large[which] as LargeFile;
    if (aborted && file.state === 'reading') file.state = 'ended';
    // Half of the pieces for each file, so that neither has to wait for the other to end.
    for (let number = which; number < PIECES && file.state === 'reading' && file.index >= 0; number += LARGE_FILES) {
      const piece = this.pieces[number] as Piece;
      if (piece.file >= 0) continue;
      Object.assign(piece, { file: which, at: file.next, filled: 0 });
      file.next += PIECE_SIZE;
      file.pending++;
      this.readPiece(number);
    }
    if (file.index < 0 || file.state !== 'ended' || file.pending > 0) return;
    file.state = 'closing';
    const close = this.next(which, Step.LARGE_CLOSE);
    prepCloseDirect(close, IN_FLIGHT + which);
    this.tag(close, which, Step.LARGE_CLOSE, 0);
  }

  private readPiece(number: number): void {
    const piece = this.pieces[number] as Piece;
    const sqe = this.next(number, Step.PIECE);
    const address = this.ring.arena.address(piece.offset + piece.filled);
    prepRead(sqe, IN_FLIGHT + piece.file, address, PIECE_SIZE - piece.filled, piece.at + piece.filled);
    this.tag(sqe, number, Step.PIECE, SqeFlag.FIXED_FILE);
  }

  private completed(cqe: Cqe): void {
    this.inFlight--;
    const { userData, res } = cqe;
    const number = (userData / STEPS) | 0;
    switch (userData % STEPS) {
      case Step.OPEN:
        if (res < 0) this.fail(this.files[number] as number, res);
        break;
      case Step.READ:
        this.smallRead(number, res);
        break;
      case Step.CLOSE:
        this.files[number] = -1;
        this.free.push(number);
        break;
      case Step.LARGE_OPEN:
        this.largeOpened(number, res);
        break;
      case Step.PIECE:
        this.pieceRead(number, res);
        break;
      case Step.LARGE_CLOSE:
        this.sink?.done((this.large[number] as LargeFile).index);
        (this.large[number] as LargeFile).index = -1;
        break;
    }
  }

  private smallRead(slot: number, res: number): void {
    const index = this.files[slot] as number;
    if (res === SMALL_SIZE) {
      this.largeQueue.push(index);
    } else if (res >= 0) {
      const offset = this.buffers[slot] as number;
      if (res > 0) this.sink?.piece(index, 0, this.ring.arena.bytes.subarray(offset, offset + res));
      this.sink?.done(index);
    } else if (res !== CANCELED) {
      this.fail(index, res);
    }
  }

  private largeOpened(which: number, res: number): void {
    const file = this.large[which] as LargeFile;
    if (res < 0) {
      this.fail(file.index, res);
      file.index = -1;
    } else {
      file.state = 'reading';
    }
  }

  private pieceRead(number: number, res: number): void {
    const piece = this.pieces[number] as Piece;
    const which = piece.file;
    const file = this.large[which] as LargeFile;
    if (res > 0 && piece.filled + res < PIECE_SIZE) {
      // A short read may or may not be the end of the file; the next read shows which.
      piece.filled += res;
      this.readPiece(number);
      return;
    }
    if (res < 0) this.fail(file.index, res);
    else piece.filled += res;
    if (res <= 0) file.state = 'ended';
    if (piece.filled > 0 && res >= 0) {
      this.sink?.piece(file.index, piece.at, this.ring.arena.bytes.subarray(piece.offset, piece.offset + piece.filled));
    }
    piece.file = -1;
    file.pending--;
  }

  private fail(index: number, res: number): void {
    this.sink?.failed(index, errnoName(res));
  }

  private next(number: number, step: number): Sqe {
    let sqe = this.ring.getSqe();
    if (sqe === null) {
      this.ring.submit();
      sqe = this.ring.getSqe();
    }
    if (sqe === null) throw new Error(`no room for step ${step} of ${number}`);
    this.inFlight++;
    return sqe;
  }

  private tag(sqe: Sqe, number: number, step: number, flags: number): void {
    sqe.setUserData(number * STEPS + step);
    if (flags !== 0) sqe.setFlags(flags);
  }

  /** @returns the address, or -1 for a path that is too long. */
  private writePath(slot: number, index: number): number {
    const { arena } = this.ring;
    const offset = this.paths[slot] as number;
    const target = Buffer.from(arena.memory, offset, PATH_SIZE);
    const path = this.list[index] as string;
    const length = target.write(path, 0, PATH_SIZE - 1, 'utf8');
    if (length === PATH_SIZE - 1) {
      this.sink?.failed(index, 'ENAMETOOLONG');
      return -1;
    }
    target[length] = 0;
    return arena.address(offset);
  }
}

const CANCELED = -125;
