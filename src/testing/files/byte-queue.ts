/**
 * Bytes on their way from one end of a pipe or a connection to the other.
 *
 * @module
 */

/** A queue of bytes with room for so many. */
export class ByteQueue {
  private readonly chunks: Uint8Array[] = [];
  size = 0;

  constructor(readonly capacity: number) {}

  get room(): number {
    return this.capacity - this.size;
  }

  /** @returns how many bytes found room. */
  push(source: Uint8Array): number {
    const piece = source.slice(0, this.room);
    if (piece.length > 0) this.chunks.push(piece);
    this.size += piece.length;
    return piece.length;
  }

  /** Copies the first bytes, and leaves them there. */
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

  /** Takes the first bytes away. */
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

  /** Takes the first bytes. */
  shift(target: Uint8Array): number {
    const count = this.peek(target);
    this.drop(count);
    return count;
  }
}
