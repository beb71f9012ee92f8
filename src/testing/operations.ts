/**
 * What each operation does in the simulated kernel. An operation returns its result, or {@link PENDING} when it completes
 * later; then it leaves in `request.cancel` how to stop it.
 *
 * Operations that are not here answer EOPNOTSUPP, as a kernel built without them does.
 *
 * @module
 */

import {
  CancelFlag,
  CQE_BUFFER_SHIFT,
  CqeFlag,
  FILE_INDEX_ALLOC,
  MsgRingCommand,
  MsgRingFlag,
  NopFlag,
  Opcode,
  PollEvent,
  PollFlag,
  SqeFlag,
  TimeoutFlag,
} from '../ring/abi/index.js';
import { Errno } from '../syscalls/index.js';
import type { SimulatedFile } from './files.js';
import { PENDING, type Request } from './request.js';
import type { SimulatedRing } from './simulated-ring.js';

/** A transfer that must not wait. */
const RWF_NOWAIT = 8;

type Result = number | typeof PENDING;
type Operation = (ring: SimulatedRing, request: Request) => Result;

const OPERATIONS: { readonly [opcode: number]: Operation } = {
  [Opcode.NOP]: (ring, request) => {
    const result = request.opFlags & NopFlag.INJECT_RESULT ? request.len | 0 : 0;
    if (!(request.opFlags & NopFlag.CQE32)) return result;
    ring.complete(request, result, 0, [request.off, request.addr64]);
    return PENDING;
  },
  [Opcode.READ]: (ring, request) => transfer(ring, request, 'read', single(request)),
  [Opcode.WRITE]: (ring, request) => transfer(ring, request, 'write', single(request)),
  [Opcode.READV]: (ring, request) => transfer(ring, request, 'read', vector(ring, request)),
  [Opcode.WRITEV]: (ring, request) => transfer(ring, request, 'write', vector(ring, request)),
  [Opcode.READ_FIXED]: (ring, request) => transfer(ring, request, 'read', fixed(ring, request)),
  [Opcode.WRITE_FIXED]: (ring, request) => transfer(ring, request, 'write', fixed(ring, request)),
  [Opcode.READ_MULTISHOT]: readMultishot,
  [Opcode.FSYNC]: (ring, request) => withFile(ring, request, () => 0),
  [Opcode.FADVISE]: (ring, request) => withFile(ring, request, () => 0),
  [Opcode.FALLOCATE]: (ring, request) =>
    withFile(ring, request, (file) => {
      if (!('content' in file)) return -Errno.ESPIPE;
      const content = file.content as { bytes: Uint8Array; resize(length: number): void };
      const end = Number(request.off) + request.addr;
      if (end > content.bytes.length && !(request.len & 1)) content.resize(end);
      return 0;
    }),
  [Opcode.FTRUNCATE]: (ring, request) =>
    withFile(ring, request, (file) => {
      if (!('content' in file)) return -Errno.EINVAL;
      (file.content as { resize(length: number): void }).resize(Number(request.off));
      return 0;
    }),
  [Opcode.POLL_ADD]: pollAdd,
  [Opcode.POLL_REMOVE]: pollRemove,
  [Opcode.TIMEOUT]: timeout,
  [Opcode.TIMEOUT_REMOVE]: timeoutRemove,
  // Alone, without an operation before it in a link.
  [Opcode.LINK_TIMEOUT]: () => -Errno.EINVAL,
  [Opcode.ASYNC_CANCEL]: (ring, request) => {
    const found = cancel(ring, {
      userData: request.addr64,
      fd: request.fd,
      flags: request.opFlags,
      opcode: request.len,
      except: request,
    });
    const all = request.opFlags & (CancelFlag.ALL | CancelFlag.ANY);
    return found === 0 && !all ? -Errno.ENOENT : all ? found : 0;
  },
  [Opcode.OPENAT]: openat,
  [Opcode.CLOSE]: close,
  [Opcode.FILES_UPDATE]: (ring, request) => {
    if (!ring.files) return -Errno.ENXIO;
    const data = ring.kernel.memory.data(request.addr, 4 * request.len);
    if (!data) return -Errno.EFAULT;
    const automatic = request.off === 0xffff_ffff_ffff_ffffn;
    for (let index = 0; index < request.len; index++) {
      const fd = data.getInt32(4 * index, true);
      const file = fd < 0 ? undefined : ring.kernel.file(fd);
      if (fd >= 0 && !file) return -Errno.EBADF;
      const slot = automatic ? ring.files.indexOf(undefined) : Number(request.off) + index;
      if (slot < 0) return -Errno.ENFILE;
      if (slot >= ring.files.length) return -Errno.EINVAL;
      ring.setFile(slot, file);
      if (automatic) data.setInt32(4 * index, slot, true);
    }
    return request.len;
  },
  [Opcode.MSG_RING]: (ring, request) => {
    const target = ring.kernel.ring(request.fd);
    if (!target) return -Errno.EBADFD;
    const post = () => {
      if (request.addr === MsgRingCommand.SEND_FD) {
        const file = ring.files?.[Number(request.addr3)];
        if (!file) return -Errno.EBADF;
        const slot = request.fileIndex === FILE_INDEX_ALLOC ? (target.files?.indexOf(undefined) ?? -1) : request.fileIndex - 1;
        if (!target.files || slot < 0 || slot >= target.files.length) return -Errno.ENFILE;
        target.setFile(slot, file);
        if (!(request.opFlags & MsgRingFlag.CQE_SKIP)) target.notify(request.off, 0);
        return 0;
      }
      target.notify(request.off, request.len | 0, request.opFlags & MsgRingFlag.FLAGS_PASS ? request.fileIndex : 0);
      return 0;
    };
    return post();
  },
  [Opcode.PROVIDE_BUFFERS]: () => -Errno.EOPNOTSUPP,
};

/** Runs a request. */
export function execute(ring: SimulatedRing, request: Request): Result {
  const operation = OPERATIONS[request.opcode];
  return operation ? operation(ring, request) : -Errno.EOPNOTSUPP;
}

/** Whether the simulated kernel can do an operation. */
export function canExecute(opcode: number): boolean {
  return opcode in OPERATIONS && opcode !== Opcode.PROVIDE_BUFFERS;
}

/** What a cancellation looks for. */
export interface CancelCriteria {
  readonly userData: bigint;
  readonly fd: number;
  readonly flags: number;
  readonly opcode: number;
  readonly except?: Request;
}

/** Cancels what matches. @returns how many. */
export function cancel(ring: SimulatedRing, criteria: CancelCriteria): number {
  const { flags } = criteria;
  const file =
    flags & CancelFlag.FD ? (flags & CancelFlag.FD_FIXED ? ring.files?.[criteria.fd] : ring.kernel.file(criteria.fd)) : undefined;
  const byUserData = !(flags & (CancelFlag.ANY | CancelFlag.FD | CancelFlag.OP)) || flags & CancelFlag.USERDATA;
  let found = 0;
  for (const request of [...ring.waiting()]) {
    if (request === criteria.except || request.done) continue;
    if (!(flags & CancelFlag.ANY)) {
      if (byUserData && request.userData !== criteria.userData) continue;
      if (flags & CancelFlag.FD && (file === undefined || request.file !== file)) continue;
      if (flags & CancelFlag.OP && request.opcode !== criteria.opcode) continue;
    }
    request.cancel?.();
    ring.complete(request, -Errno.ECANCELED);
    found++;
    if (!(flags & (CancelFlag.ALL | CancelFlag.ANY))) break;
  }
  return found;
}

// Files

function resolveFile(ring: SimulatedRing, request: Request): SimulatedFile | undefined {
  return request.has(SqeFlag.FIXED_FILE) ? ring.files?.[request.fd] : ring.kernel.file(request.fd);
}

function withFile(ring: SimulatedRing, request: Request, body: (file: SimulatedFile) => Result): Result {
  const file = resolveFile(ring, request);
  if (!file) return -Errno.EBADF;
  request.file = file;
  ring.kernel.retainFile(file);
  return body(file);
}

/** The memory of a transfer: address and length pairs. */
type Pieces = readonly { readonly address: number; readonly length: number }[] | number;

function single(request: Request): Pieces {
  return [{ address: request.addr, length: request.len }];
}

function vector(ring: SimulatedRing, request: Request): Pieces {
  if (request.len > 1024) return -Errno.EINVAL;
  const data = ring.kernel.memory.data(request.addr, 16 * request.len);
  if (!data) return -Errno.EFAULT;
  return Array.from({ length: request.len }, (_, index) => ({
    address: Number(data.getBigUint64(16 * index, true)),
    length: Number(data.getBigUint64(16 * index + 8, true)),
  }));
}

function fixed(ring: SimulatedRing, request: Request): Pieces {
  const buffer = ring.buffers?.[request.bufIndex];
  const inside = buffer && request.addr >= buffer.address && request.addr + request.len <= buffer.address + buffer.length;
  return inside ? single(request) : -Errno.EFAULT;
}

function transfer(ring: SimulatedRing, request: Request, way: 'read' | 'write', pieces: Pieces): Result {
  return withFile(ring, request, (file) => {
    if (typeof pieces === 'number') return pieces;
    request.expected = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const selected = request.has(SqeFlag.BUFFER_SELECT);
    const attempt = (): number => {
      if (file.poll() === 0 && !file.seekable) return -Errno.EAGAIN;
      const buffer = selected ? ring.kernel.selectBuffer(ring, request.bufIndex, request.len) : undefined;
      if (selected && !buffer) return -Errno.ENOBUFS;
      const done = moveBytes(ring, request, file, way, buffer ? [buffer] : pieces);
      if (buffer && done !== -Errno.EAGAIN) {
        ring.complete(request, done, CqeFlag.BUFFER | (buffer.id << CQE_BUFFER_SHIFT));
      }
      return done;
    };
    return waitFor(ring, request, file, attempt);
  });
}

function moveBytes(
  ring: SimulatedRing,
  request: Request,
  file: SimulatedFile,
  way: 'read' | 'write',
  pieces: Exclude<Pieces, number>,
): number {
  const position = file.seekable ? ring.kernel.positionOf(request, file) : undefined;
  let done = 0;
  for (const { address, length } of pieces) {
    if (length === 0) continue;
    const memory = ring.kernel.memory.bytes(address, length);
    const result = memory ? file[way](memory, position === undefined ? undefined : position + done) : -Errno.EFAULT;
    if (result < 0) return done > 0 ? done : result;
    done += result;
    if (result < length) break;
  }
  ring.kernel.movePosition(request, file, done);
  return done;
}

/** Runs `attempt` now, or whenever the file may be ready, until it answers other than EAGAIN. */
function waitFor(ring: SimulatedRing, request: Request, file: SimulatedFile, attempt: () => number): Result {
  const first = attempt();
  if (first !== -Errno.EAGAIN) return request.done ? PENDING : first;
  if (request.opFlags & RWF_NOWAIT) return first;
  const watcher = () => {
    const result = attempt();
    if (result === -Errno.EAGAIN) return;
    file.watchers.delete(watcher);
    ring.complete(request, result);
  };
  file.watchers.add(watcher);
  request.cancel = () => file.watchers.delete(watcher);
  return PENDING;
}

function readMultishot(ring: SimulatedRing, request: Request): Result {
  return withFile(ring, request, (file) => {
    if (file.seekable) return -Errno.EBADFD;
    request.multishot = true;
    const watcher = () => {
      while (!request.done && file.poll() & (PollEvent.IN | PollEvent.HUP)) {
        const buffer = ring.kernel.selectBuffer(ring, request.bufIndex, request.len);
        const result = buffer ? moveBytes(ring, request, file, 'read', [buffer]) : -Errno.ENOBUFS;
        if (result === -Errno.EAGAIN) return;
        const flags = buffer && result > 0 ? CqeFlag.BUFFER | (buffer.id << CQE_BUFFER_SHIFT) : 0;
        if (result > 0) {
          ring.progress(request, result, flags);
        } else {
          file.watchers.delete(watcher);
          ring.complete(request, result, flags);
          return;
        }
      }
    };
    file.watchers.add(watcher);
    request.cancel = () => file.watchers.delete(watcher);
    watcher();
    return PENDING;
  });
}

function openat(ring: SimulatedRing, request: Request): Result {
  const path = ring.kernel.readString(request.addr);
  if (path === undefined) return -Errno.EFAULT;
  const fd = ring.kernel.open(path, request.opFlags);
  if (fd < 0 || request.fileIndex === 0) return fd;
  const automatic = request.fileIndex === FILE_INDEX_ALLOC;
  const slot = automatic ? (ring.files?.indexOf(undefined) ?? -1) : request.fileIndex - 1;
  const error = !ring.files ? Errno.ENXIO : slot < 0 ? Errno.ENFILE : slot >= ring.files.length ? Errno.EINVAL : 0;
  if (error === 0) ring.setFile(slot, ring.kernel.file(fd));
  ring.kernel.close(fd);
  return error !== 0 ? -error : automatic ? slot : 0;
}

function close(ring: SimulatedRing, request: Request): Result {
  if (request.fileIndex === 0) return ring.kernel.close(request.fd);
  const slot = request.fileIndex - 1;
  if (!ring.files) return -Errno.ENXIO;
  if (!ring.files[slot]) return -Errno.EBADF;
  ring.setFile(slot, undefined);
  return 0;
}

// Poll

interface PollState {
  events: number;
  readonly multishot: boolean;
}

const polls = new WeakMap<Request, PollState>();

function pollAdd(ring: SimulatedRing, request: Request): Result {
  return withFile(ring, request, (file) => {
    const state: PollState = { events: request.opFlags, multishot: (request.len & PollFlag.ADD_MULTI) !== 0 };
    polls.set(request, state);
    request.multishot = state.multishot;
    let last = 0;
    const ready = () => file.poll() & (state.events | PollEvent.ERR | PollEvent.HUP);
    const watcher = () => {
      const events = ready();
      // Edge-triggered: what was told is not told again until it has gone.
      const fresh = state.multishot ? events & ~last : events;
      last = events;
      if (fresh === 0) return;
      if (state.multishot) {
        ring.progress(request, events);
      } else {
        file.watchers.delete(watcher);
        ring.complete(request, events);
      }
    };
    file.watchers.add(watcher);
    request.cancel = () => file.watchers.delete(watcher);
    watcher();
    return PENDING;
  });
}

function pollRemove(ring: SimulatedRing, request: Request): Result {
  const target = [...ring.waiting()].find((other) => other.userData === request.addr64 && polls.has(other));
  const updates = PollFlag.UPDATE_EVENTS | PollFlag.UPDATE_USER_DATA;
  if (!(request.len & updates) && request.opFlags !== 0) return -Errno.EINVAL;
  if (!target) return -Errno.ENOENT;
  if (!(request.len & updates)) {
    target.cancel?.();
    ring.complete(target, -Errno.ECANCELED);
    return 0;
  }
  const state = polls.get(target) as PollState;
  if (request.len & PollFlag.UPDATE_EVENTS) state.events = request.opFlags;
  if (request.len & PollFlag.UPDATE_USER_DATA) (target as { userData: bigint }).userData = request.off;
  for (const watcher of [...(target.file?.watchers ?? [])]) watcher();
  return 0;
}

// Timeouts

interface TimeoutState {
  arm(nanoseconds: number, flags: number): void;
}

const timeouts = new WeakMap<Request, TimeoutState>();

function readTimespec(ring: SimulatedRing, address: number): number | undefined {
  const data = ring.kernel.memory.data(address, 16);
  return data && Number(data.getBigInt64(0, true)) * 1e9 + Number(data.getBigInt64(8, true));
}

function timeout(ring: SimulatedRing, request: Request): Result {
  const time = readTimespec(ring, request.addr);
  if (time === undefined) return -Errno.EFAULT;
  if (request.len !== 1) return -Errno.EINVAL;
  const multishot = (request.opFlags & TimeoutFlag.MULTISHOT) !== 0;
  let left = Number(request.off) || Number.POSITIVE_INFINITY;
  const { clock } = ring.kernel;
  let timer = { cancel: () => {} };
  const arm = (nanoseconds: number, flags: number) => {
    timer.cancel();
    timer = clock.at(flags & TimeoutFlag.ABS ? nanoseconds : clock.now + nanoseconds, () => {
      ring.kernel.wakeWaiters();
      if (multishot && --left > 0) {
        ring.progress(request, -Errno.ETIME);
        arm(nanoseconds, 0);
      } else {
        stopCounting();
        ring.complete(request, -Errno.ETIME);
      }
    });
  };
  // Completes, too, when as many others have completed as its offset says.
  const stopCounting =
    !multishot && request.off > 0n
      ? ring.kernel.countCompletions(ring, Number(request.off), () => {
          timer.cancel();
          ring.complete(request, 0);
        })
      : () => {};
  request.cancel = () => {
    timer.cancel();
    stopCounting();
  };
  timeouts.set(request, { arm });
  arm(time, request.opFlags);
  return PENDING;
}

function timeoutRemove(ring: SimulatedRing, request: Request): Result {
  const target = [...ring.waiting()].find((other) => other.userData === request.addr64 && timeouts.has(other));
  if (!target) return -Errno.ENOENT;
  if (request.opFlags & TimeoutFlag.UPDATE) {
    const time = readTimespec(ring, Number(request.off));
    if (time === undefined) return -Errno.EFAULT;
    timeouts.get(target)?.arm(time, request.opFlags);
    return 0;
  }
  target.cancel?.();
  ring.complete(target, -Errno.ECANCELED);
  return 0;
}

/** Starts a linked timeout for the request before it. */
export function armLinkTimeout(ring: SimulatedRing, target: Request, request: Request): void {
  const time = readTimespec(ring, request.addr);
  const { clock } = ring.kernel;
  if (time === undefined) {
    ring.finishOnly(request, -Errno.EFAULT);
    return;
  }
  const timer = clock.at(request.opFlags & TimeoutFlag.ABS ? time : clock.now + time, () => {
    ring.kernel.wakeWaiters();
    // The timeout's CQE comes before its target's.
    ring.finishOnly(request, -Errno.ETIME);
    target.cancel?.();
    ring.complete(target, -Errno.ECANCELED);
  });
  request.cancel = () => timer.cancel();
}
