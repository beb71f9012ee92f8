/**
 * Control messages that carry descriptors: SCM_RIGHTS of unix(7), in the format of cmsg(3).
 *
 * @module
 */

import { SCM_RIGHTS, SOL_SOCKET } from '../../linux.js';

/** Byte offsets of `struct cmsghdr`; DATA is where its data begins. */
const Cmsghdr = { LEN: 0, LEVEL: 8, TYPE: 12, DATA: 16 } as const;

/** The most descriptors that the kernel passes at once (SCM_MAX_FD). */
export const MOST_DESCRIPTORS = 253;

/** Bytes for that many descriptors. CMSG_SPACE. */
export const RIGHTS_SPACE = align(Cmsghdr.DATA + 4 * MOST_DESCRIPTORS);

/** Returns the bytes of a control message that passes descriptors. */
export function rightsMessage(descriptors: readonly number[]): Uint8Array {
  const length = Cmsghdr.DATA + 4 * descriptors.length;
  const bytes = new Uint8Array(align(length));
  const data = new DataView(bytes.buffer);
  data.setUint32(Cmsghdr.LEN, length, true);
  data.setInt32(Cmsghdr.LEVEL, SOL_SOCKET, true);
  data.setInt32(Cmsghdr.TYPE, SCM_RIGHTS, true);
  descriptors.forEach((fd, index) => {
    data.setInt32(Cmsghdr.DATA + 4 * index, fd, true);
  });
  return bytes;
}

/** Returns the descriptors in the control messages between two places. */
export function rightsIn(data: DataView, start: number, end: number): number[] {
  const all: number[] = [];
  for (let message = start; message + Cmsghdr.DATA <= end; ) {
    const length = data.getUint32(message + Cmsghdr.LEN, true);
    if (length < Cmsghdr.DATA) break;
    const level = data.getInt32(message + Cmsghdr.LEVEL, true);
    const type = data.getInt32(message + Cmsghdr.TYPE, true);
    if (level === SOL_SOCKET && type === SCM_RIGHTS) {
      for (let place = Cmsghdr.DATA; place + 4 <= length; place += 4) all.push(data.getInt32(message + place, true));
    }
    message += align(length);
  }
  return all;
}

/** CMSG_ALIGN. */
function align(length: number): number {
  return (length + 7) & ~7;
}
