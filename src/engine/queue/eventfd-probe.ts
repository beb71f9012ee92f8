/**
 * Whether the waker works reliably on a ring with DEFER_TASKRUN.
 *
 * Some stable kernels (6.12, from .114 on) signal the eventfd of such a ring from an RCU callback,
 * milliseconds late, and after the first time not at all: a completion that is posted from within a
 * wakeup then goes unnoticed. Each thread tests it once.
 *
 * @module
 */

import { EFD_CLOEXEC, EFD_NONBLOCK, RWF_NOWAIT } from '../../linux.js';
import { CURRENT_POSITION, prepPollAdd, prepRead, prepWrite } from '../../ops/index.js';
import { type Cqe, CqeFlag, PollEvent, Ring, type RingOptions } from '../../ring/index.js';
import { Errno, type Syscalls } from '../../syscalls/index.js';

const COUNTER_SIZE = 8;

const known = new WeakMap<Syscalls, boolean>();

/**
 * Returns whether a ring with DEFER_TASKRUN signals its eventfd promptly; `true` when that cannot
 * be determined.
 */
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

/**
 * A ring that counts its operations in flight. To close it, no marker is needed, for which the
 * kernel would want a worker thread.
 */
class CountedRing {
  readonly ring: Ring;
  private inFlight = 0;

  constructor(options: RingOptions) {
    this.ring = Ring.open(options);
  }

  /** Submits what is queued and, with 1, waits for a completion. */
  submit(minComplete: 0 | 1): void {
    this.inFlight += minComplete ? this.ring.submitAndWait(minComplete) : this.ring.submit();
  }

  /** Returns the result of the last completion, or 0. */
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
 * Polls a pipe with one ring, writes into it with another, and then looks at the eventfd of the
 * first. (The pipe is not an eventfd, because every kernel defers signals from within an eventfd's
 * own wakeup.)
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
      // Posting the completion to the queue signals the eventfd, too.
      run(prepRead, bell, RWF_NOWAIT);
      return answer !== -Errno.EAGAIN;
    };
    // Twice: the first signal, though late, may happen to arrive in time; the second never arrives.
    return heard() && heard();
  } finally {
    for (const ring of rings) ring.close();
    for (const fd of fds) syscalls.close(fd);
  }
}
