/**
 * A message received from a socket, as RECVMSG puts it into a buffer that the kernel selects.
 *
 * ```text
 *   | struct io_uring_recvmsg_out | the sender's struct sockaddr | the message |
 *   0                            16                            144
 * ```
 *
 * @module
 */

import { AF_INET, MSG_TRUNC, SOCKADDR_SIZE } from '../../linux.js';
import { Chunk, type ChunkSource } from './chunk.js';
import { RecvmsgOut } from './message-header.js';
import type { Block } from './pool.js';
import { decodeAddress, type SocketAddress } from './socket-address.js';

/** Bytes reserved for the sender's address. */
export const NAME_SIZE = SOCKADDR_SIZE;

/** Bytes of a buffer before the message. */
export const MESSAGE_OVERHEAD = RecvmsgOut.SIZE + NAME_SIZE;

/** A message with its sender: a chunk whose buffer belongs to the reader until it is released. */
export class Message extends Chunk {
  private from: SocketAddress | undefined;

  /** @internal */
  constructor(source: ChunkSource, id: number, block: Block, start: number, _received: number) {
    const length = block.region.data.getUint32(block.offset + start + RecvmsgOut.PAYLOADLEN, true);
    super(source, id, block, start + MESSAGE_OVERHEAD, length);
  }

  /** The sender's address; `undefined` when it is unknown, as for Unix sockets without a name. */
  get sender(): SocketAddress | undefined {
    const { region } = this.checked();
    const length = region.data.getUint32(this.header + RecvmsgOut.NAMELEN, true);
    this.from ??= decodeAddress(new DataView(region.memory, this.header + RecvmsgOut.SIZE, NAME_SIZE), length);
    return this.from;
  }

  /** The sender's IPv4 address and port as one number; -1 for other families. @internal */
  get senderKey(): number {
    const { data } = this.checked().region;
    const name = this.header + RecvmsgOut.SIZE;
    if (data.getUint16(name, true) !== AF_INET) return -1;
    return data.getUint32(name + 4) * 0x10000 + data.getUint16(name + 2);
  }

  /** Whether the message was longer than the buffer. The remainder is lost. */
  get truncated(): boolean {
    return (this.checked().region.data.getUint32(this.header + RecvmsgOut.FLAGS, true) & MSG_TRUNC) !== 0;
  }

  private get header(): number {
    return this.block.offset + this.start - MESSAGE_OVERHEAD;
  }
}
