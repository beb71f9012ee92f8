/**
 * Whether the doorbell can be trusted on a ring with DEFER_TASKRUN.
 *
 * Some stable kernels (6.12 from .114 on) signal a ring's eventfd for such a ring from an RCU callback, milliseconds later, and after the
 * first time not at all: a completion that came out of a wake-up is then never heard of. It is tried, once for each thread.
 *
 * @module
 */

import { CURRENT_POSITION, prepPollAdd, prepRead, prepWrite } from '../ops/index.js';
import { PollEvent, Ring, type RingOptions } from '../ring/index.js';
import { Errno, type Syscalls } from '../syscalls/index.js';

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;
const RWF_NOWAIT = 8;
const COUNTER_SIZE = 8;

const known = new WeakMap<Syscalls, boolean>();

/** Whether a ring with DEFER_TASKRUN tells its eventfd at once of what has completed. `true` when that cannot be found out. */
export function tellsEventfd(syscalls: Syscalls): boolean {
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
 * One ring polls a pipe, another writes into it, and then the first one's eventfd is looked at. (Not an eventfd in place of the pipe: what is
 * signalled from within an eventfd's own wake-up is deferred by every kernel.)
 */
function attempt(syscalls: Syscalls): boolean {
  const fds: number[] = [];
  const rings: Ring[] = [];
  const open = (options: Omit<RingOptions, 'entries'>) => {
    const ring = Ring.open({ entries: 2, syscalls, ...options });
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
    listener.settings.registerEventfd(bell);
    const memory = other.arena.block(COUNTER_SIZE);
    const run = (prepare: typeof prepRead, fd: number, flags: number): number => {
      const sqe = other.getSqe();
      if (sqe !== null) prepare(sqe, fd, memory.address, COUNTER_SIZE, CURRENT_POSITION, flags);
      other.submitAndWait(1);
      const result = other.peekCqe()?.res ?? 0;
      other.advance(1);
      return result;
    };
    const heard = (): boolean => {
      const poll = listener.getSqe();
      if (poll !== null) prepPollAdd(poll, reader, PollEvent.IN);
      listener.submit();
      if (run(prepWrite, writer, 0) !== COUNTER_SIZE) return true;
      const answer = run(prepRead, bell, RWF_NOWAIT);
      listener.getEvents();
      listener.forEachCqe(() => undefined);
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
