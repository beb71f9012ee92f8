/**
 * Bytes in transit from one end of a pipe or a connection to the other.
 *
 * @module
 */

/** A queue of bytes with limited capacity. */
export class ByteQueue {
  private readonly chunks: Uint8Array[] = [];
  size = 0;

  constructor(readonly capacity: number) {}

  get room(): number {
    return this.capacity - this.size;
  }

  /** @returns how many bytes fit. */
  push(source: Uint8Array): number {
    const piece = source.slice(0, this.room);
    if (piece.length > 0) this.chunks.push(piece);
    this.size += piece.length;
    return piece.length;
  }

  /** Copies the first bytes without removing them. */
  peek(target: Uint8Array): number {
    let done = 0;
    for (const chunk of this.chunks) {
      if (done === target.length) break;
      const piece = chunk.subarray(0, target.length - done);
      target.set(piece, done);
      done += piece.length;
    }
    return done;
  }

  /** Removes the first bytes. */
  drop(count: number): void {
    let left = count;
    for (let chunk = this.chunks[0]; chunk !== undefined && left > 0; chunk = this.chunks[0]) {
      if (chunk.length > left) {
        this.chunks[0] = chunk.subarray(left);
        left = 0;
      } else {
        left -= chunk.length;
        this.chunks.shift();
      }
    }
    this.size -= count - left;
  }

  /** Copies and removes the first bytes. */
  shift(target: Uint8Array): number {
    const count = this.peek(target);
    this.drop(count);
    return count;
  }
}
