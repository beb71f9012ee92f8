/**
 * Whether the waker can be trusted on a ring with DEFER_TASKRUN.
 *
 * Some stable kernels (6.12 from .114 on) signal a ring's eventfd for such a ring from an RCU callback, milliseconds later, and after the
 * first time not at all: a completion that came out of a wake-up is then never heard of. It is tried, once for each thread.
 *
 * @module
 */

import { EFD_CLOEXEC, EFD_NONBLOCK, RWF_NOWAIT } from '../../linux.js';
import { CURRENT_POSITION, prepPollAdd, prepRead, prepWrite } from '../../ops/index.js';
import { type Cqe, CqeFlag, PollEvent, Ring, type RingOptions } from '../../ring/index.js';
import { Errno, type Syscalls } from '../../syscalls/index.js';

const COUNTER_SIZE = 8;

const known = new WeakMap<Syscalls, boolean>();

/** Whether a ring with DEFER_TASKRUN tells its eventfd at once of what has completed. `true` when that cannot be found out. */
export function signalsEventfd(syscalls: Syscalls): boolean {
  let answer = known.get(syscalls);
  if (answer === undefined) {
    try {
      answer = attempt(syscalls);
    } catch {
      answer = true;
    }
    known.set(syscalls, answer);
  }
  return answer;
}

/** A ring, and how much is in flight on it: to close it, no marker is needed, which the kernel would want a worker thread for. */
class CountedRing {
  readonly ring: Ring;
  private inFlight = 0;

  constructor(options: RingOptions) {
    this.ring = Ring.open(options);
  }

  /** Shows the kernel what is queued, and with 1 waits for it. */
  submit(minComplete: 0 | 1): void {
    this.inFlight += minComplete ? this.ring.submitAndWait(minComplete) : this.ring.submit();
  }

  /** The last completion's result, or 0. */
  reap(): number {
    let result = 0;
    this.ring.forEachCqe((cqe) => {
      this.completed(cqe);
      result = cqe.res;
    });
    return result;
  }

  completed(cqe: Cqe): void {
    if ((cqe.flags & CqeFlag.MORE) === 0) this.inFlight--;
  }

  idle(): boolean {
    return this.inFlight === 0;
  }

  close(): void {
    this.ring.closeWith(this);
  }
}

/**
 * One ring polls a pipe, another writes into it, and then the first one's eventfd is looked at. (Not an eventfd in place of the pipe: what is
 * signalled from within an eventfd's own wake-up is deferred by every kernel.)
 */
function attempt(syscalls: Syscalls): boolean {
  const fds: number[] = [];
  const rings: CountedRing[] = [];
  const open = (options: Omit<RingOptions, 'entries'>) => {
    const ring = new CountedRing({ entries: 2, syscalls, ...options });
    rings.push(ring);
    return ring;
  };
  try {
    const bell = syscalls.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (bell < 0) return true;
    fds.push(bell);
    const ends = new Int32Array(2);
    if (syscalls.pipe(ends) < 0) return true;
    const [reader = -1, writer = -1] = ends;
    fds.push(reader, writer);
    const listener = open({ flags: ['SINGLE_ISSUER', 'DEFER_TASKRUN'] });
    const other = open({});
    listener.ring.settings.registerEventfd(bell);
    const memory = other.ring.arena.block(COUNTER_SIZE);
    const run = (prepare: typeof prepRead, fd: number, flags: number): number => {
      const sqe = other.ring.getSqe();
      if (sqe !== null) prepare(sqe, fd, memory.address, COUNTER_SIZE, CURRENT_POSITION, flags);
      other.submit(1);
      return other.reap();
    };
    const heard = (): boolean => {
      const poll = listener.ring.getSqe();
      if (poll !== null) prepPollAdd(poll, reader, PollEvent.IN);
      listener.submit(0);
      if (run(prepWrite, writer, 0) !== COUNTER_SIZE) return true;
      const answer = run(prepRead, bell, RWF_NOWAIT);
      listener.ring.getEvents();
      listener.reap();
      run(prepRead, reader, 0);
      // That the completion is in the queue is told, too.
      run(prepRead, bell, RWF_NOWAIT);
      return answer !== -Errno.EAGAIN;
    };
    // Twice: what is late may happen to come in time, but only the first comes at all.
    return heard() && heard();
  } finally {
    for (const ring of rings) ring.close();
    for (const fd of fds) syscalls.close(fd);
  }
}
