/**
 * Whether the doorbell can be trusted on a ring with DEFER_TASKRUN.
 *
 * Some stable kernels (6.12 from .114 on) signal a ring's eventfd for such a ring from an RCU callback, milliseconds later, and after the
 * first time not at all: a completion that came out of a wake-up is then never heard of. It is tried, once for each thread.
 *
 * @module
 */

import { prepPollAdd, prepRead, prepWrite } from '../ops/index.js';
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

/** One ring polls an eventfd, another writes to it, and then the first one's own eventfd is looked at. */
function attempt(syscalls: Syscalls): boolean {
  const fds: number[] = [];
  const eventfd = () => {
    const fd = syscalls.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd >= 0) fds.push(fd);
    return fd;
  };
  const rings: Ring[] = [];
  const open = (options: Omit<RingOptions, 'entries'>) => {
    const ring = Ring.open({ entries: 2, syscalls, ...options });
    rings.push(ring);
    return ring;
  };
  try {
    const [bell, trigger] = [eventfd(), eventfd()];
    const listener = open({ flags: ['SINGLE_ISSUER', 'DEFER_TASKRUN'] });
    const writer = open({});
    listener.settings.registerEventfd(bell);
    const poll = listener.getSqe();
    if (poll !== null) prepPollAdd(poll, trigger, PollEvent.IN);
    listener.submit();
    const counter = writer.arena.block(COUNTER_SIZE);
    const run = (prepare: typeof prepRead, fd: number, flags: number): number => {
      const sqe = writer.getSqe();
      if (sqe !== null) prepare(sqe, fd, counter.address, COUNTER_SIZE, 0, flags);
      writer.submitAndWait(1);
      const result = writer.peekCqe()?.res ?? 0;
      writer.advance(1);
      return result;
    };
    counter.bytes[0] = 1;
    if (run(prepWrite, trigger, 0) !== COUNTER_SIZE) return true;
    const heard = run(prepRead, bell, RWF_NOWAIT);
    counter.free();
    return heard !== -Errno.EAGAIN;
  } finally {
    for (const ring of rings) ring.close();
    for (const fd of fds) syscalls.close(fd);
  }
}
