/**
 * Zero-copy receive: a queue of a network card puts packets straight into memory of the program's. Needs a card whose driver can, with
 * header split and a queue set aside for it; see the kernel's Documentation/networking/iou-zcrx.rst.
 *
 * @module
 */

import { checkBuffer, checkInteger, checkOptions, checkUint32 } from '../../validate.js';
import { RegionDesc, ZcrxAreaReg, ZcrxCtrl, ZcrxIfqReg } from '../abi/register.js';
import { type ArenaBlock, PAGE_SIZE } from '../arena.js';
import type { RingState } from '../state.js';
import { register, registerStruct, writeAddress } from './call.js';

/** How to set up a zero-copy receive queue. */
export interface ZeroCopyQueueOptions {
  /** The network interface's index (`/sys/class/net/NAME/ifindex`). */
  readonly interfaceIndex: number;
  /** The card's receive queue. */
  readonly receiveQueue: number;
  /** Slots of the refill ring: a power of two up to 32,768. */
  readonly entries: number;
  /** Where packets go: page-aligned memory of whole pages. Referenced until the ring is closed. */
  readonly area: Uint8Array;
}

/** A registered zero-copy receive queue. */
export interface ZeroCopyQueue {
  /** What `prepRecvZc` names. */
  readonly id: number;
  /** To be or'ed into the offsets that buffers are given back with. */
  readonly areaToken: bigint;
  /** The refill ring: a header with head and tail, then entries of 16 bytes (offset, length). */
  readonly refillRing: ArenaBlock;
  /** Byte offsets in it. */
  readonly head: number;
  readonly tail: number;
  readonly refillEntries: number;
}

/** Bytes of an entry of the refill ring. */
const REFILL_ENTRY = 16;

/** Zero-copy receive: `ring.zeroCopy`. */
export class ZeroCopy {
  /** @internal */
  constructor(private readonly state: RingState) {}

  /**
   * Registers a queue. `io_uring_register_ifq`. Since 6.15; the ring must have DEFER_TASKRUN, and CQE32 or CQE_MIXED.
   *
   * @throws UringError EOPNOTSUPP for a card that cannot, ENODEV, EPERM (CAP_NET_ADMIN), EINVAL.
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
   * Has the kernel take everything out of a queue's refill ring. `ZCRX_CTRL_FLUSH_RQ`. Since 6.19.
   *
   * @param id the queue's.
   */
  flush(id: number): void {
    checkUint32('id', id);
    registerStruct(this.state, 'ZCRX_CTRL', ZcrxCtrl.SIZE, 0, (data, at) => {
      data.setUint32(at + ZcrxCtrl.ZCRX_ID, id, true);
      data.setUint32(at + ZcrxCtrl.OP, ZcrxCtrl.FLUSH_RQ, true);
    });
  }
}
