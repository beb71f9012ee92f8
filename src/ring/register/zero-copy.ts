/**
 * Zero-copy receive: a queue of a network card puts packets directly into memory of the program. It
 * needs a card whose driver supports this, with header split and a dedicated queue; see the
 * kernel's Documentation/networking/iou-zcrx.rst.
 *
 * @module
 */

import { checkBuffer, checkInteger, checkOptions, checkUint32 } from '../../validate.js';
import { RegionDesc, ZcrxAreaReg, ZcrxCtrl, ZcrxIfqReg } from '../abi/register.js';
import { type ArenaBlock, PAGE_SIZE } from '../arena.js';
import type { RingState } from '../state.js';
import { register, registerStruct, writeAddress } from './call.js';

/** The options of a zero-copy receive queue. */
export interface ZeroCopyQueueOptions {
  /** The network interface's index (`/sys/class/net/NAME/ifindex`). */
  readonly interfaceIndex: number;
  /** The card's receive queue. */
  readonly receiveQueue: number;
  /** The number of entries of the refill ring: a power of two, up to 32,768. */
  readonly entries: number;
  /**
   * The memory for packets: page-aligned, in whole pages. It stays referenced until the ring is
   * closed.
   */
  readonly area: Uint8Array;
}

/** A registered zero-copy receive queue. */
export interface ZeroCopyQueue {
  /** The id to pass to `prepRecvZc`. */
  readonly id: number;
  /** The token to be ORed into the offsets with which buffers are returned. */
  readonly areaToken: bigint;
  /** The refill ring: a header with head and tail, then 16-byte entries (offset, length). */
  readonly refillRing: ArenaBlock;
  /** The byte offsets of the head and the tail in it. */
  readonly head: number;
  readonly tail: number;
  readonly refillEntries: number;
}

/** The size of a refill ring entry in bytes. */
const REFILL_ENTRY = 16;

/** Zero-copy receive: `ring.zeroCopy`. */
export class ZeroCopy {
  /** @internal */
  constructor(private readonly state: RingState) {}

  /**
   * Registers a queue. `io_uring_register_ifq`. Since 6.15; the ring must have DEFER_TASKRUN, and
   * CQE32 or CQE_MIXED.
   *
   * @throws UringError EOPNOTSUPP for a card without support, ENODEV, EPERM (CAP_NET_ADMIN),
   *   EINVAL.
   */
  registerQueue(options: ZeroCopyQueueOptions): ZeroCopyQueue {
    checkOptions(options, ['interfaceIndex', 'receiveQueue', 'entries', 'area']);
    const { interfaceIndex, receiveQueue, entries, area } = options;
    checkUint32('options.interfaceIndex', interfaceIndex);
    checkUint32('options.receiveQueue', receiveQueue);
    checkInteger('options.entries', entries, 1, 32768);
    checkBuffer('options.area', area);
    const { state } = this;
    const { arena } = state;
    const regionSize = Math.ceil((PAGE_SIZE + entries * REFILL_ENTRY) / PAGE_SIZE) * PAGE_SIZE;
    const refillRing = arena.block(regionSize);
    try {
      return arena.scratch(ZcrxIfqReg.SIZE + ZcrxAreaReg.SIZE + RegionDesc.SIZE, (at, address) => {
        const { data } = arena;
        const areaAt = at + ZcrxIfqReg.SIZE;
        const regionAt = areaAt + ZcrxAreaReg.SIZE;
        data.setUint32(at + ZcrxIfqReg.IF_IDX, interfaceIndex, true);
        data.setUint32(at + ZcrxIfqReg.IF_RXQ, receiveQueue, true);
        data.setUint32(at + ZcrxIfqReg.RQ_ENTRIES, entries, true);
        writeAddress(data, at + ZcrxIfqReg.AREA_PTR, address + ZcrxIfqReg.SIZE);
        writeAddress(data, at + ZcrxIfqReg.REGION_PTR, address + ZcrxIfqReg.SIZE + ZcrxAreaReg.SIZE);
        writeAddress(data, areaAt + ZcrxAreaReg.ADDR, state.syscalls.addressOf(area));
        writeAddress(data, areaAt + ZcrxAreaReg.LEN, area.byteLength);
        writeAddress(data, regionAt + RegionDesc.USER_ADDR, refillRing.address);
        writeAddress(data, regionAt + RegionDesc.REGION_SIZE, regionSize);
        data.setUint32(regionAt + RegionDesc.FLAGS, RegionDesc.FLAG_USER, true);
        register(state, 'ZCRX_IFQ', address, 1);
        state.holds.add(area);
        return {
          id: data.getUint32(at + ZcrxIfqReg.ZCRX_ID, true),
          areaToken: data.getBigUint64(areaAt + ZcrxAreaReg.TOKEN, true),
          refillRing,
          head: data.getUint32(at + ZcrxIfqReg.OFFSETS, true),
          tail: data.getUint32(at + ZcrxIfqReg.OFFSETS + 4, true),
          refillEntries: data.getUint32(at + ZcrxIfqReg.OFFSETS + 8, true),
        };
      });
    } catch (error) {
      refillRing.free();
      throw error;
    }
  }

  /**
   * Makes the kernel take all entries from the refill ring of a queue. `ZCRX_CTRL_FLUSH_RQ`. Since
   * 6.19.
   *
   * @param id the queue's id.
   */
  flush(id: number): void {
    checkUint32('id', id);
    registerStruct(this.state, 'ZCRX_CTRL', ZcrxCtrl.SIZE, 0, (data, at) => {
      data.setUint32(at + ZcrxCtrl.ZCRX_ID, id, true);
      data.setUint32(at + ZcrxCtrl.OP, ZcrxCtrl.FLUSH_RQ, true);
    });
  }
}
