/**
 * The forms in which sockets receive: data alone, data with descriptors, or datagrams.
 *
 * @module
 */

import { MSG_CMSG_CLOEXEC } from '../../linux.js';
import { prepRecvmsg, prepRecvSelect } from '../../ops/index.js';
import { RecvSendFlag, type Sqe } from '../../ring/index.js';
import { explainMissing, UringUnavailableError } from '../../syscalls/index.js';
import { Chunk, type ChunkKind, type ChunkSource } from '../memory/chunk.js';
import { Message, NAME_SIZE } from '../memory/message.js';
import { Msghdr, RecvmsgOut, writeMessageHeader } from '../memory/message-header.js';
import type { Block } from '../memory/pool.js';
import type { Engine } from '../operations/operation.js';
import { RIGHTS_SPACE, rightsIn } from './rights.js';

/** A form of receiving into buffers that the kernel selects. */
export interface ReceiveForm {
  readonly kind: ChunkKind<Chunk>;
  /** Whether many small pieces may share a buffer, where the kernel supports it. */
  readonly incremental: boolean;
  /** Whether the form has a variant that completes once. */
  readonly hasSingle: boolean;
  /** Bytes of each buffer. Memory that is never filled is never used. */
  readonly bufferSize: number;
  /** Whether the receiver keeps nothing, so that the kernel gets the buffer back at once. */
  readonly isCopied?: boolean;
  /** Fills the SQE; with `single`, as an operation that completes once. */
  prepare(sqe: Sqe, fd: number, group: number, single: boolean): void;
  /** Returns the descriptors that arrived with a chunk. */
  descriptorsOf?(chunk: Chunk): readonly number[];
  /** Releases what the form needed for itself, when it will not be used. */
  release?(): void;
}

const BUFFER_SIZE = 64 * 1024;

/** RECV. */
export const DATA: ReceiveForm = {
  kind: Chunk,
  incremental: true,
  hasSingle: true,
  bufferSize: BUFFER_SIZE,
  prepare: (sqe, fd, group, single) => prepRecvSelect(sqe, fd, group, 0, 0, single ? 0 : RecvSendFlag.RECV_MULTISHOT),
};

/** Bytes of each buffer before the data. */
const OVERHEAD = RecvmsgOut.SIZE + RIGHTS_SPACE;

/** Data after a header and control messages. */
class ControlledChunk extends Chunk {
  constructor(source: ChunkSource, id: number, block: Block, start: number, _received: number) {
    const length = block.region.data.getUint32(block.offset + start + RecvmsgOut.PAYLOADLEN, true);
    super(source, id, block, start + OVERHEAD, length);
  }

  received(): number[] {
    const { data } = this.block.region;
    const header = this.block.offset + this.start - OVERHEAD;
    const control = header + RecvmsgOut.SIZE;
    return rightsIn(data, control, control + data.getUint32(header + RecvmsgOut.CONTROLLEN, true));
  }
}

/**
 * RECVMSG, with room for descriptors. Since 6.0. A header would not fit into the remainder of a
 * buffer, so each message has its own buffer.
 */
export function withDescriptors({ core, memory: { pool } }: Engine): ReceiveForm {
  const header = pool.take(Msghdr.SIZE);
  writeMessageHeader(header, { control: { address: 0, length: RIGHTS_SPACE } });
  return {
    kind: ControlledChunk,
    incremental: false,
    hasSingle: false,
    bufferSize: BUFFER_SIZE,
    prepare(sqe, fd, group, single) {
      if (single)
        throw new UringUnavailableError(explainMissing('receiving descriptors again and again', '6.0', core.syscalls.host()));
      prepRecvmsg(sqe, fd, header.address, MSG_CMSG_CLOEXEC, RecvSendFlag.RECV_MULTISHOT, group);
    },
    descriptorsOf: (chunk) => (chunk as ControlledChunk).received(),
    release: () => pool.give(header),
  };
}

/** RECVMSG, with the sender's address. Since 6.0. */
export function datagrams({ core, memory: { pool } }: Engine): ReceiveForm {
  const header = pool.take(Msghdr.SIZE);
  writeMessageHeader(header, { name: { address: 0, length: NAME_SIZE } });
  return {
    kind: Message,
    incremental: false,
    hasSingle: false,
    // The longest datagram, 65,507 bytes, and what precedes it.
    bufferSize: 2 * BUFFER_SIZE,
    isCopied: true,
    prepare(sqe, fd, group, single) {
      if (single)
        throw new UringUnavailableError(explainMissing('receiving datagrams again and again', '6.0', core.syscalls.host()));
      prepRecvmsg(sqe, fd, header.address, 0, RecvSendFlag.RECV_MULTISHOT, group);
    },
    release: () => pool.give(header),
  };
}
