/**
 * Readiness: POLL_ADD, POLL_REMOVE, and epoll.
 *
 * @module
 */

import { Opcode, PollEvent, PollFlag, SqeFlag } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import { EpollFile } from '../files/epoll.js';
import { notify, type Pollable } from '../files/file.js';
import type { RingInternals } from '../internals.js';
import { type KernelRequest, PENDING } from '../request.js';
import { type OperationTable, type Result, waitFor, withFile } from './common.js';

/** `struct epoll_event` is packed on x86-64 only. */
const EPOLL_EVENT = process.arch === 'x64' ? { SIZE: 12, DATA: 4 } : { SIZE: 16, DATA: 8 };

/** The opcodes of this family. */
export const POLLS: OperationTable = {
  [Opcode.POLL_ADD]: pollAdd,
  [Opcode.POLL_REMOVE]: pollRemove,
  [Opcode.EPOLL_CTL]: epollControl,
  [Opcode.EPOLL_WAIT]: epollWait,
};

interface PollState {
  readonly source: Pollable;
  events: number;
  readonly multishot: boolean;
}

const polls = new WeakMap<KernelRequest, PollState>();

function pollAdd(ring: RingInternals, request: KernelRequest): Result {
  const isRegistered = request.has(SqeFlag.FIXED_FILE);
  const otherRing = isRegistered ? undefined : ring.kernel.ring(request.fd);
  return otherRing === undefined
    ? withFile(ring, request, (file) => watch(ring, request, file))
    : watch(ring, request, otherRing);
}

function watch(ring: RingInternals, request: KernelRequest, source: Pollable): Result {
  const state: PollState = { source, events: request.opFlags, multishot: (request.len & PollFlag.ADD_MULTI) !== 0 };
  polls.set(request, state);
  request.multishot = state.multishot;
  let last = 0;
  const watcher = () => {
    const events = source.poll() & (state.events | PollEvent.ERR | PollEvent.HUP);
    // Edge-triggered: an event that was reported is not reported again until it has cleared.
    const fresh = state.multishot ? events & ~last : events;
    last = events;
    if (fresh === 0) return;
    if (state.multishot) {
      ring.progress(request, events);
    } else {
      source.watchers.delete(watcher);
      ring.complete(request, events);
    }
  };
  source.watchers.add(watcher);
  request.cancel = () => source.watchers.delete(watcher);
  watcher();
  return PENDING;
}

function pollRemove(ring: RingInternals, request: KernelRequest): Result {
  const target = [...ring.live.named(request.addr64)].find((other) => isWaiting(other) && polls.has(other));
  const updates = PollFlag.UPDATE_EVENTS | PollFlag.UPDATE_USER_DATA;
  if (request.len & ~(updates | PollFlag.ADD_MULTI) || request.len === PollFlag.ADD_MULTI) return -Errno.EINVAL;
  // Values may only be passed along with the flags that use them.
  if (!(request.len & PollFlag.UPDATE_EVENTS) && request.opFlags !== 0) return -Errno.EINVAL;
  if (!(request.len & PollFlag.UPDATE_USER_DATA) && request.off !== 0n) return -Errno.EINVAL;
  if (!target) return -Errno.ENOENT;
  if (!(request.len & updates)) {
    target.cancel?.();
    ring.complete(target, -Errno.ECANCELED);
    return 0;
  }
  const state = polls.get(target) as PollState;
  if (request.len & PollFlag.UPDATE_EVENTS) state.events = request.opFlags;
  if (request.len & PollFlag.UPDATE_USER_DATA) ring.live.rename(target, request.off);
  notify(state.source.watchers);
  return 0;
}

function isWaiting({ started, answered, cancel }: KernelRequest): boolean {
  return started && !answered && cancel !== undefined;
}

function epollControl(ring: RingInternals, request: KernelRequest): Result {
  const epoll = ring.kernel.file(request.fd);
  const file = ring.kernel.file(Number(request.off));
  if (!epoll || !file) return -Errno.EBADF;
  if (!(epoll instanceof EpollFile) || epoll === file) return -Errno.EINVAL;
  const event = ring.kernel.memory.data(request.addr, EPOLL_EVENT.SIZE);
  if (!event && request.len !== 2) return -Errno.EFAULT;
  const data = event?.getBigUint64(EPOLL_EVENT.DATA, true) ?? 0n;
  return epoll.control(request.len, Number(request.off), file, event?.getUint32(0, true) ?? 0, data);
}

function epollWait(ring: RingInternals, request: KernelRequest): Result {
  return withFile(ring, request, (file) => {
    if (!(file instanceof EpollFile) || request.len === 0) return -Errno.EINVAL;
    const memory = ring.kernel.memory.data(request.addr, request.len * EPOLL_EVENT.SIZE);
    if (!memory) return -Errno.EFAULT;
    ring.kernel.ownership.lend(request, request.addr, request.len * EPOLL_EVENT.SIZE, 'kernel writes');
    return waitFor(ring, request, [file], () => {
      const ready = file.take(request.len);
      ready.forEach(({ events, data }, index) => {
        memory.setUint32(index * EPOLL_EVENT.SIZE, events, true);
        memory.setBigUint64(index * EPOLL_EVENT.SIZE + EPOLL_EVENT.DATA, data, true);
      });
      return ready.length > 0 ? ready.length : -Errno.EAGAIN;
    });
  });
}
