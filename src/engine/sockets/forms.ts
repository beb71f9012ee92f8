/**
 * How sockets receive: data alone, or descriptors with it.
 *
 * @module
 */

import { prepRecvmsg, prepRecvSelect } from '../../ops/index.js';
import { RecvSendFlag, type Sqe } from '../../ring/index.js';
import { explainMissing, UringUnavailableError } from '../../syscalls/index.js';
import { Chunk, type ChunkKind, type ChunkSource } from '../chunk.js';
import type { Core } from '../core.js';
import type { Block } from '../pool.js';

/** A way of receiving into buffers of the kernel's choice. */
export interface ReceiveForm {
  readonly kind: ChunkKind<Chunk>;
  /** Bytes at the start of each buffer that the kernel needs for itself. */
  readonly overhead: number;
  /** Many small pieces may share a buffer, where the kernel can. */
  readonly incremental: boolean;
  /** Fills the SQE; with `single`, for kernels without multishot, as an operation that completes once. */
  prepare(sqe: Sqe, fd: number, group: number, single: boolean): void;
  /** Descriptors that have come with a chunk. */
  descriptorsOf(chunk: Chunk): readonly number[];
}

/** RECV. */
export const DATA: ReceiveForm = {
  kind: Chunk,
  overhead: 0,
  incremental: true,
  prepare: (sqe, fd, group, single) => prepRecvSelect(sqe, fd, group, 0, 0, single ? 0 : RecvSendFlag.RECV_MULTISHOT),
  descriptorsOf: () => [],
};

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x4000_0000;

/** `struct msghdr`, `struct cmsghdr` and `struct io_uring_recvmsg_out`: byte offsets. */
const Msghdr = { SIZE: 56, CONTROLLEN: 40 } as const;
const Cmsghdr = { LEN: 0, LEVEL: 8, TYPE: 12, DATA: 16 } as const;
const Header = { CONTROLLEN: 4, PAYLOADLEN: 8, SIZE: 16 } as const;

/** Room for as many as the kernel passes at once (SCM_MAX_FD). */
export const MOST_DESCRIPTORS = 253;
const CONTROL_SIZE = align(Cmsghdr.DATA + 4 * MOST_DESCRIPTORS);
const OVERHEAD = Header.SIZE + CONTROL_SIZE;

/** Data behind a header, and what the kernel has to say beside it. */
class ControlledChunk extends Chunk {
  constructor(source: ChunkSource, id: number, block: Block, start: number, _received: number) {
    super(source, id, block, start + OVERHEAD, block.region.data.getUint32(block.offset + start + Header.PAYLOADLEN, true));
  }

  /** Of SCM_RIGHTS. */
  received(): number[] {
    const { data } = this.block.region;
    const header = this.block.offset + this.start - OVERHEAD;
    const end = data.getUint32(header + Header.CONTROLLEN, true);
    const all: number[] = [];
    for (let at = 0; at + Cmsghdr.DATA <= end; ) {
      const message = header + Header.SIZE + at;
      const length = data.getUint32(message + Cmsghdr.LEN, true);
      if (length < Cmsghdr.DATA) break;
      const isRights =
        data.getInt32(message + Cmsghdr.LEVEL, true) === SOL_SOCKET && data.getInt32(message + Cmsghdr.TYPE, true) === SCM_RIGHTS;
      if (isRights)
        for (let place = Cmsghdr.DATA; place + 4 <= length; place += 4) all.push(data.getInt32(message + place, true));
      at += align(length);
    }
    return all;
  }
}

/** RECVMSG, with room for descriptors. Since 6.0. A header would not fit into the rest of a buffer: each message has one of its own. */
export function withDescriptors(core: Core): ReceiveForm {
  // As long as the engine lives.
  const header = core.pool.take(Msghdr.SIZE);
  header.plain(0, Msghdr.SIZE).fill(0);
  header.region.data.setUint32(header.offset + Msghdr.CONTROLLEN, CONTROL_SIZE, true);
  return {
    kind: ControlledChunk,
    overhead: OVERHEAD,
    incremental: false,
    prepare(sqe, fd, group, single) {
      if (single) throw new UringUnavailableError(explainMissing('receiving descriptors again and again', '6.0', core.host));
      prepRecvmsg(sqe, fd, header.address, MSG_CMSG_CLOEXEC, RecvSendFlag.RECV_MULTISHOT, group);
    },
    descriptorsOf: (chunk) => (chunk as ControlledChunk).received(),
  };
}

/** A control message that hands descriptors on: its bytes. */
export function rightsMessage(descriptors: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(align(Cmsghdr.DATA + 4 * descriptors.length));
  const data = new DataView(bytes.buffer);
  data.setUint32(Cmsghdr.LEN, Cmsghdr.DATA + 4 * descriptors.length, true);
  data.setInt32(Cmsghdr.LEVEL, SOL_SOCKET, true);
  data.setInt32(Cmsghdr.TYPE, SCM_RIGHTS, true);
  descriptors.forEach((fd, index) => {
    data.setInt32(Cmsghdr.DATA + 4 * index, fd, true);
  });
  return bytes;
}

/** CMSG_ALIGN. */
function align(length: number): number {
  return (length + 7) & ~7;
}
