/**
 * The settings of a ring that are registered once and then remain in effect: eventfd, restrictions,
 * credentials, the ring's registered index, the clock, busy polling, the wait region, the size.
 *
 * @module
 */

import { UringError } from '../../syscalls/index.js';
import { checkFd, checkInteger, checkName, checkOptions, checkTimeout, checkUint32, invalidState } from '../../validate.js';
import { CQE_SIZE } from '../abi/cqe.js';
import { RegWait } from '../abi/enter.js';
import { OPCODE_NAMES, Opcode, type OpcodeName } from '../abi/opcodes.js';
import {
  ClockRegister,
  MemRegionReg,
  Napi,
  RegionDesc,
  RegisterOp,
  type RegisterOpName,
  Restriction,
  RsrcUpdate,
} from '../abi/register.js';
import { MAX_CQ_ENTRIES, MAX_ENTRIES, Params, SetupFlag } from '../abi/setup.js';
import { type ArenaBlock, PAGE_SIZE } from '../arena.js';
import { powerOfTwo, type RingLayout, readLayout } from '../layout.js';
import { allocateQueues, freeQueues, isShared, mapMemory, sharedMemory } from '../memory.js';
import type { RingState } from '../state.js';
import { closedError, register, registerStruct, writeAddress, writeInts } from './call.js';

/** The operations that a restricted ring still allows. */
export interface Restrictions {
  /** Operations that may be submitted. */
  readonly operations?: readonly OpcodeName[];
  /** Register operations that may be called after {@link Settings.enable}. */
  readonly registrations?: readonly RegisterOpName[];
  /** `SqeFlag` bits that an SQE may have. Default: only the required ones. */
  readonly allowedSqeFlags?: number;
  /** `SqeFlag` bits that every SQE must have. */
  readonly requiredSqeFlags?: number;
}

/** The settings for busy polling of network devices. */
export interface NapiSettings {
  /** How long to poll, in microseconds. */
  readonly busyPollMicroseconds: number;
  readonly preferBusyPoll: boolean;
}

/** CLOCK_MONOTONIC and CLOCK_BOOTTIME, the clocks that can be used to measure waits. */
export const Clock = { MONOTONIC: 1, BOOTTIME: 7 } as const;

/** The wait arguments that fit into the smallest page. */
const MAX_WAITS = 4096 / RegWait.SIZE;

const REGISTER_OP_NAMES = Object.keys(RegisterOp) as RegisterOpName[];

/** The settings that are registered once: `ring.settings`. */
export class Settings {
  /** @internal */
  waitRegion: ArenaBlock | undefined;
  /** The number of wait arguments in the region. @internal */
  waitArguments = 0;

  /** @internal */
  constructor(private readonly state: RingState) {}

  /**
   * Registers an eventfd that the kernel signals for each completion. `io_uring_register_eventfd`.
   * Since 5.2.
   *
   * @throws UringError EBUSY when there is one already, EBADF.
   */
  registerEventfd(fd: number): void {
    checkFd('fd', fd);
    registerStruct(this.state, 'EVENTFD', 4, 1, (data, offset) => writeInts(data, offset, [fd]));
  }

  /**
   * Registers an eventfd that the kernel signals only for completions that did not happen inline.
   * `io_uring_register_eventfd_async`. Since 5.6.
   */
  registerEventfdAsync(fd: number): void {
    checkFd('fd', fd);
    registerStruct(this.state, 'EVENTFD_ASYNC', 4, 1, (data, offset) => writeInts(data, offset, [fd]));
  }

  /**
   * Unregisters the eventfd. `io_uring_unregister_eventfd`.
   *
   * @throws UringError ENXIO when there is none.
   */
  unregisterEventfd(): void {
    register(this.state, 'UNREGISTER_EVENTFD', 0, 0);
  }

  /**
   * Registers the credentials of this thread, for use with `sqe.setPersonality()`.
   * `io_uring_register_personality`. Since 5.6.
   *
   * @returns the id of the credentials.
   */
  registerPersonality(): number {
    return register(this.state, 'PERSONALITY', 0, 0);
  }

  /**
   * Unregisters credentials. `io_uring_unregister_personality`.
   *
   * @throws UringError EINVAL for an unknown id.
   */
  unregisterPersonality(id: number): void {
    checkInteger('id', id, 0, 0xffff);
    register(this.state, 'UNREGISTER_PERSONALITY', 0, id);
  }

  /**
   * Restricts the ring, which must have been opened with R_DISABLED, to the listed operations.
   * Anything else fails with EACCES once the ring is enabled. `io_uring_register_restrictions`.
   * Since 5.10.
   *
   * SYNC_CANCEL and UNREGISTER_RING_FDS always stay allowed, because closing the ring needs them.
   *
   * @throws UringError EBADFD when the ring is already enabled, EBUSY when it is already
   *   restricted.
   */
  restrict(restrictions: Restrictions): void {
    checkOptions(restrictions, ['operations', 'registrations', 'allowedSqeFlags', 'requiredSqeFlags'], 'restrictions');
    const { operations = [], registrations = [], allowedSqeFlags, requiredSqeFlags } = restrictions;
    const entries: [type: number, value: number][] = [];
    for (const name of operations) {
      checkName('restrictions.operations', name, OPCODE_NAMES, 'an operation');
      entries.push([Restriction.SQE_OP, Opcode[name]]);
    }
    for (const name of new Set<RegisterOpName>([...registrations, 'SYNC_CANCEL', 'UNREGISTER_RING_FDS'])) {
      checkName('restrictions.registrations', name, REGISTER_OP_NAMES, 'a register operation');
      entries.push([Restriction.REGISTER_OP, RegisterOp[name]]);
    }
    if (allowedSqeFlags !== undefined) {
      checkInteger('restrictions.allowedSqeFlags', allowedSqeFlags, 0, 0xff);
      entries.push([Restriction.SQE_FLAGS_ALLOWED, allowedSqeFlags]);
    }
    if (requiredSqeFlags !== undefined) {
      checkInteger('restrictions.requiredSqeFlags', requiredSqeFlags, 0, 0xff);
      entries.push([Restriction.SQE_FLAGS_REQUIRED, requiredSqeFlags]);
    }
    registerStruct(this.state, 'RESTRICTIONS', entries.length * Restriction.SIZE, entries.length, (data, offset) => {
      entries.forEach(([type, value], index) => {
        data.setUint16(offset + index * Restriction.SIZE + Restriction.TYPE, type, true);
        data.setUint8(offset + index * Restriction.SIZE + Restriction.VALUE, value);
      });
    });
  }

  /**
   * Enables a ring that was opened with R_DISABLED. `io_uring_enable_rings`. Since 5.10.
   *
   * @throws UringError EBADFD when it is already enabled.
   */
  enable(): void {
    register(this.state, 'ENABLE_RINGS', 0, 0);
  }

  /**
   * Registers the ring's own descriptor with this thread, which saves the kernel a lookup in every
   * `enter`. `io_uring_register_ring_fd`. Since 5.18.
   *
   * @returns the index.
   */
  registerRingFd(): number {
    const { state } = this;
    if (state.registeredIndex >= 0 || state.registerFlag !== 0) throw invalidState('the ring fd is already registered');
    registerStruct(
      state,
      'RING_FDS',
      RsrcUpdate.SIZE,
      1,
      (data, offset) => {
        // All ones: any free index.
        data.setUint32(offset + RsrcUpdate.OFFSET, 0xffff_ffff, true);
        data.setBigUint64(offset + RsrcUpdate.DATA, BigInt(state.fd), true);
      },
      (data, offset) => state.useRegisteredIndex(data.getUint32(offset + RsrcUpdate.OFFSET, true)),
    );
    return state.registeredIndex;
  }

  /** Reverts to the plain descriptor. `io_uring_unregister_ring_fd`. Since 5.18. */
  unregisterRingFd(): void {
    const { state } = this;
    if (state.registeredIndex < 0) throw invalidState('the ring fd is not registered');
    if (state.closed) throw closedError();
    const result = state.dropRegisteredIndex();
    if (result < 0) throw new UringError(result, 'io_uring_register', 'UNREGISTER_RING_FDS');
  }

  /**
   * Enables busy polling of network devices while waiting. `io_uring_register_napi`. Since 6.9.
   *
   * @returns the previous settings.
   */
  registerNapi(settings: NapiSettings): NapiSettings {
    checkOptions(settings, ['busyPollMicroseconds', 'preferBusyPoll'], 'settings');
    checkUint32('settings.busyPollMicroseconds', settings.busyPollMicroseconds);
    return this.napi('NAPI', settings);
  }

  /**
   * Disables busy polling. `io_uring_unregister_napi`. Since 6.9. @returns the previous settings.
   */
  unregisterNapi(): NapiSettings {
    return this.napi('UNREGISTER_NAPI', { busyPollMicroseconds: 0, preferBusyPoll: false });
  }

  private napi(operation: 'NAPI' | 'UNREGISTER_NAPI', settings: NapiSettings): NapiSettings {
    let before: NapiSettings = settings;
    registerStruct(
      this.state,
      operation,
      Napi.SIZE,
      1,
      (data, offset) => {
        data.setUint32(offset + Napi.BUSY_POLL_TO, settings.busyPollMicroseconds, true);
        data.setUint8(offset + Napi.PREFER_BUSY_POLL, settings.preferBusyPoll ? 1 : 0);
      },
      (data, offset) => {
        before = {
          busyPollMicroseconds: data.getUint32(offset + Napi.BUSY_POLL_TO, true),
          preferBusyPoll: data.getUint8(offset + Napi.PREFER_BUSY_POLL) !== 0,
        };
      },
    );
    return before;
  }

  /**
   * Sets the clock that measures wait timeouts: one of {@link Clock}. `io_uring_register_clock`.
   * Since 6.12.
   */
  setClock(clockId: number): void {
    checkUint32('clockId', clockId);
    registerStruct(this.state, 'CLOCK', ClockRegister.SIZE, 0, (data, offset) => {
      data.setUint32(offset + ClockRegister.CLOCKID, clockId, true);
    });
  }

  /**
   * Resizes the queues and keeps everything in them. The ring must have DEFER_TASKRUN and must not
   * be shared. `io_uring_resize_rings`. Since 6.13.
   *
   * All `Sqe` and `Cqe` objects obtained before are invalid afterwards, and `ring.sq` and `ring.cq`
   * are new objects.
   *
   * @throws UringError EINVAL; EOVERFLOW when the entries in the queues do not fit.
   */
  resize(entries: number, cqEntries?: number): void {
    const { state } = this;
    checkInteger('entries', entries, 1, MAX_ENTRIES);
    if (cqEntries !== undefined) checkInteger('cqEntries', cqEntries, 1, MAX_CQ_ENTRIES);
    if (state.shared) throw invalidState('a ring that threads share cannot be resized');
    state.sq.publish();
    const noMmap = isShared(state.layout);
    const { setupFlags } = state.layout;
    const sq = powerOfTwo(entries);
    const cq = powerOfTwo(cqEntries ?? 2 * sq);
    const room = noMmap ? allocateQueues(state.arena, sq, cq, setupFlags) : undefined;
    state.arena.scratch(Params.SIZE, (offset, address) => {
      const { data } = state.arena;
      data.setUint32(offset + Params.SQ_ENTRIES, entries, true);
      data.setUint32(offset + Params.CQ_ENTRIES, cqEntries ?? 0, true);
      data.setUint32(offset + Params.FLAGS, cqEntries === undefined ? 0 : SetupFlag.CQSIZE, true);
      if (room) {
        writeAddress(data, offset + Params.SQ_OFF_USER_ADDR, state.arena.address(room.sqes));
        writeAddress(data, offset + Params.CQ_OFF_USER_ADDR, state.arena.address(room.rings));
      }
      try {
        register(state, 'RESIZE_RINGS', address, 1);
      } catch (error) {
        if (room) freeQueues(state.arena, room);
        throw error;
      }
      const params = new DataView(state.arena.bytes.slice(offset, offset + Params.SIZE).buffer);
      // The kernel returns the flags of the call; those of the ring are unchanged.
      const { features, sqeSize, cqeSize } = state.layout;
      const answer = { ...readLayout(params), setupFlags, features, sqeSize, cqeSize };
      const resized = { ...answer, sqArray: resizedSqArray(answer) };
      state.rebuild(resized, room ? sharedMemory(state.arena, room) : mapMemory(state.syscalls, state.fd, resized));
    });
  }

  /**
   * Registers a region of wait arguments. `ring.submitAndWaitRegistered()` then uses one of them by
   * its index, without copying anything. `io_uring_register_region`. Since 6.13. The ring must have
   * been opened with R_DISABLED and must not be enabled yet.
   *
   * @param count the number of wait arguments, 1 to 64.
   */
  registerWaitRegion(count: number): void {
    checkInteger('count', count, 1, MAX_WAITS);
    if (this.waitRegion) throw invalidState('a wait region is already registered');
    const { state } = this;
    const region = state.arena.block(PAGE_SIZE);
    const size = RegionDesc.SIZE + MemRegionReg.SIZE;
    try {
      state.arena.scratch(size, (offset, address) => {
        const { data } = state.arena;
        writeAddress(data, offset + RegionDesc.USER_ADDR, region.address);
        writeAddress(data, offset + RegionDesc.REGION_SIZE, PAGE_SIZE);
        data.setUint32(offset + RegionDesc.FLAGS, RegionDesc.FLAG_USER, true);
        const registration = offset + RegionDesc.SIZE;
        writeAddress(data, registration + MemRegionReg.REGION, address);
        writeAddress(data, registration + MemRegionReg.FLAGS, MemRegionReg.FLAG_WAIT_ARG);
        return register(state, 'MEM_REGION', address + RegionDesc.SIZE, 1);
      });
    } catch (error) {
      region.free();
      throw error;
    }
    this.waitRegion = region;
    this.waitArguments = count;
  }

  /** Sets the time limit of a registered wait argument in milliseconds; `undefined` for none. */
  setRegisteredWait(index: number, timeoutMs: number | undefined, minWaitMicroseconds = 0): void {
    if (!this.waitRegion) throw invalidState('no wait region is registered');
    checkInteger('index', index, 0, this.waitArguments - 1);
    checkUint32('minWaitMicroseconds', minWaitMicroseconds);
    checkTimeout(timeoutMs);
    const { data } = this.state.arena;
    const at = this.waitRegion.offset + index * RegWait.SIZE;
    const milliseconds = timeoutMs ?? 0;
    writeAddress(data, at + RegWait.TS, Math.floor(milliseconds / 1000));
    writeAddress(data, at + RegWait.TS + 8, Math.round((milliseconds % 1000) * 1e6));
    data.setUint32(at + RegWait.MIN_WAIT_USEC, minWaitMicroseconds, true);
    data.setUint32(at + RegWait.FLAGS, timeoutMs === undefined ? 0 : RegWait.FLAG_TS, true);
  }
}

/**
 * Returns where RESIZE_RINGS has put the SQ array: the kernel moves it and does not report its
 * position (6.18 returns 0). It is on the cache line after the header and the CQEs, and CQE32
 * doubles both.
 */
function resizedSqArray(layout: RingLayout): number {
  if (layout.setupFlags & SetupFlag.NO_SQARRAY) return 0;
  const size = layout.cqCqes + layout.cqEntries * CQE_SIZE;
  return Math.ceil((layout.setupFlags & SetupFlag.CQE32 ? 2 * size : size) / 64) * 64;
}
