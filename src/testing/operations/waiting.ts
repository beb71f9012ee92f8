/**
 * Waiting for others: futexes and child processes.
 *
 * @module
 */

import { Opcode } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import type { RingInternals } from '../internals.js';
import { type KernelRequest, PENDING } from '../request.js';
import type { OperationTable, Result } from './common.js';

/** `struct futex_waitv`. */
const FutexWaitv = { SIZE: 24, VALUE: 0, ADDRESS: 8, FLAGS: 16 } as const;

const MOST_FUTEXES = 128;

/** `siginfo_t`, as waitid(2) fills it. */
const Siginfo = { SIZE: 128, SIGNAL: 0, CODE: 8, PID: 16, UID: 20, STATUS: 24 } as const;

const SIGCHLD = 17;
const CLD_EXITED = 1;
const CLD_KILLED = 2;
const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 1;
const WNOWAIT = 0x0100_0000;

/** The opcodes of this family. */
export const WAITS: OperationTable = {
  [Opcode.FUTEX_WAIT]: futexWait,
  [Opcode.FUTEX_WAITV]: futexWaitv,
  [Opcode.FUTEX_WAKE]: (ring, request) => {
    if (request.addr3 === 0n) return -Errno.EINVAL;
    if (!ring.kernel.memory.bytes(request.addr, 4)) return -Errno.EFAULT;
    return ring.kernel.futexes.wake(request.addr, Number(request.off), request.addr3);
  },
  [Opcode.WAITID]: waitid,
};

/** @returns 0 when the futex holds the value, or `-errno`. */
function compare(ring: RingInternals, address: number, value: bigint): number {
  if (address % 4 !== 0) return -Errno.EINVAL;
  const word = ring.kernel.memory.data(address, 4);
  if (!word) return -Errno.EFAULT;
  return BigInt(word.getUint32(0, true)) === (value & 0xffff_ffffn) ? 0 : -Errno.EAGAIN;
}

function futexWait(ring: RingInternals, request: KernelRequest): Result {
  if (request.addr3 === 0n) return -Errno.EINVAL;
  const error = compare(ring, request.addr, request.off);
  if (error !== 0) return error;
  request.cancel = ring.kernel.futexes.add({
    address: request.addr,
    mask: request.addr3,
    wake: () => ring.complete(request, 0),
  });
  return PENDING;
}

function futexWaitv(ring: RingInternals, request: KernelRequest): Result {
  const { kernel } = ring;
  if (request.len === 0 || request.len > MOST_FUTEXES) return -Errno.EINVAL;
  const data = kernel.memory.data(request.addr, request.len * FutexWaitv.SIZE);
  if (!data) return -Errno.EFAULT;
  kernel.ownership.lend(request, request.addr, request.len * FutexWaitv.SIZE, 'kernel reads');
  const addresses: number[] = [];
  for (let index = 0; index < request.len; index++) {
    const at = index * FutexWaitv.SIZE;
    const address = Number(data.getBigUint64(at + FutexWaitv.ADDRESS, true));
    const error = compare(ring, address, data.getBigUint64(at + FutexWaitv.VALUE, true));
    if (error !== 0) return error;
    addresses.push(address);
  }
  const removers: (() => void)[] = [];
  const stop = () => {
    for (const remove of removers) remove();
  };
  addresses.forEach((address, index) => {
    const wake = () => {
      stop();
      ring.complete(request, index);
    };
    removers.push(kernel.futexes.add({ address, mask: 0xffff_ffffn, wake }));
  });
  request.cancel = stop;
  return PENDING;
}

function waitid(ring: RingInternals, request: KernelRequest): Result {
  const { children, memory, ownership } = ring.kernel;
  const options = request.fileIndex;
  if (request.len !== P_ALL && request.len !== P_PID) return -Errno.EINVAL;
  const address = Number(request.off);
  const info = address === 0 ? undefined : memory.data(address, Siginfo.SIZE);
  if (address !== 0 && !info) return -Errno.EFAULT;
  ownership.lend(request, address, info ? Siginfo.SIZE : 0, 'kernel writes');
  const attempt = (): number => {
    const candidates = children.candidates(request.len === P_ALL ? undefined : request.fd);
    if (candidates.length === 0) return -Errno.ECHILD;
    const ended = candidates.find(({ end }) => end !== undefined);
    if (ended?.end === undefined) return options & WNOHANG ? 0 : -Errno.EAGAIN;
    const fields = [
      [Siginfo.SIGNAL, SIGCHLD],
      [Siginfo.CODE, ended.end.killed ? CLD_KILLED : CLD_EXITED],
      [Siginfo.PID, ended.pid],
      [Siginfo.UID, 0],
      [Siginfo.STATUS, ended.end.status],
    ] as const;
    for (const [at, value] of fields) info?.setInt32(at, value, true);
    if (!(options & WNOWAIT)) children.reap(ended);
    return 0;
  };
  const first = attempt();
  if (first !== -Errno.EAGAIN) return first;
  const stop = children.watch(() => {
    const result = attempt();
    if (result === -Errno.EAGAIN) return;
    stop();
    ring.complete(request, result);
  });
  request.cancel = stop;
  return PENDING;
}
