/**
 * The path from the kernel to Node's event loop: an eventfd that the loop watches.
 *
 * Node has no way to watch an eventfd, but its sockets watch pipes. So a socket is created over one
 * end of a pipe, and then the eventfd replaces that descriptor (dup3(2)). From there on, everything
 * is Node's own: the callback runs like every socket callback, and the end of a worker closes it
 * like every socket. (koffi has a poll handle, too. It calls into JavaScript when the loop of a
 * terminated worker runs for the last time, and aborts the process.)
 *
 * @module
 */

import { Socket } from 'node:net';
import { O_CLOEXEC, O_NONBLOCK } from '../linux.js';
import { nodesRead } from '../node-net.js';
import { timers } from '../timers.js';
import { UringError } from './errors.js';
import type { Koffi, KoffiLibrary } from './koffi.js';
import type { EventLoopKind, EventLoopWaker, Syscalls } from './types.js';

/** The timer's first and last interval. */
const SOONEST_MS = 1;
const LATEST_MS = 16;

/** The libc calls that event loop wakers need. Negative results are `-errno`. */
interface Calls {
  eventfd(): number;
  pipe(ends: Int32Array): number;
  /** Makes `target` refer to the file of `fd`. */
  replace(fd: number, target: number): number;
  read(fd: number, buffer: Uint8Array): number;
  close(fd: number): void;
  readonly closeAtThreadEnd: Syscalls['closeAtThreadEnd'];
}

/**
 * Returns a function that creates event loop wakers for this thread.
 *
 * @param closeAtThreadEnd arranges for a descriptor to be closed even when the thread is
 *   terminated.
 * @param declared functions that the shim has already declared, because declaring takes time.
 */
export function eventLoopWakers(
  koffi: Koffi,
  libc: KoffiLibrary,
  closeAtThreadEnd: Syscalls['closeAtThreadEnd'],
  declared: Readonly<Record<'eventfd' | 'pipe2' | 'close', (...args: unknown[]) => number>>,
): Syscalls['openWaker'] {
  const answer = (result: number) => (result < 0 ? -koffi.errno() : result);
  const call = (name: string, result: string, parameters: string[]) => {
    const fn = libc.func(name, result, parameters) as (...args: unknown[]) => number;
    return (...args: unknown[]) => answer(fn(...args));
  };
  const eventfd = (...args: unknown[]) => answer(declared.eventfd(...args));
  const pipe2 = (...args: unknown[]) => answer(declared.pipe2(...args));
  const dup3 = call('dup3', 'int', ['int', 'int', 'int']);
  const read = call('read', 'intptr_t', ['int', 'void *', 'size_t']);
  const { close } = declared;
  const calls: Calls = {
    eventfd: () => eventfd(0, O_CLOEXEC | O_NONBLOCK),
    pipe: (ends) => pipe2(ends, O_CLOEXEC | O_NONBLOCK),
    replace: (fd, target) => dup3(fd, target, O_CLOEXEC),
    read: (fd, buffer) => read(fd, buffer, buffer.length),
    close: (fd) => void close(fd),
    closeAtThreadEnd,
  };
  return (onRing, kind) => (kind === 'timer' ? new TimedWaker(calls, onRing) : openPolled(calls, onRing, kind));
}

function openPolled(calls: Calls, onRing: () => void, kind: EventLoopKind | undefined): EventLoopWaker {
  try {
    return new PolledWaker(calls, onRing);
  } catch (error) {
    // Too many open descriptors would fail either kind.
    if (kind === 'poll' || error instanceof UringError) throw error;
    return new TimedWaker(calls, onRing);
  }
}

function openEventfd(calls: Calls): number {
  const fd = calls.eventfd();
  if (fd < 0) throw new UringError(fd, 'eventfd');
  return fd;
}

/** A waker that the loop itself watches. */
class PolledWaker implements EventLoopWaker {
  readonly kind: EventLoopKind = 'poll';
  readonly fd: number;
  private readonly socket: Socket;

  constructor(calls: Calls, onRing: () => void) {
    const eventfd = openEventfd(calls);
    const ends = new Int32Array(2);
    const made = calls.pipe(ends);
    if (made < 0) {
      calls.close(eventfd);
      throw new UringError(made, 'pipe2');
    }
    const [reader = -1, writer = -1] = ends;
    let socket: Socket;
    try {
      // Eight bytes: the counter of an eventfd, which reading resets.
      const callback = () => {
        onRing();
        return true;
      };
      const onread = { buffer: new Uint8Array(8), callback };
      const options = { fd: reader, readable: true, writable: false, manualStart: true, onread };
      socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
    } catch (error) {
      calls.close(reader);
      throw error;
    } finally {
      calls.close(writer);
    }
    const replaced = calls.replace(eventfd, reader);
    calls.close(eventfd);
    if (replaced < 0) {
      socket.destroy();
      throw new UringError(replaced, 'dup3');
    }
    this.fd = reader;
    this.socket = socket;
    Object.defineProperty(socket, '_read', { value: nodesRead });
    socket.on('error', () => undefined);
    socket.resume();
    socket.unref();
  }

  watch(keepAlive: boolean): void {
    if (keepAlive) this.socket.ref();
    else this.socket.unref();
  }

  rest(): void {
    this.socket.unref();
  }

  close(): void {
    this.socket.destroy();
  }
}

/**
 * A waker for when the loop cannot watch the eventfd. It polls every millisecond while something is
 * awaited, then less and less often.
 */
class TimedWaker implements EventLoopWaker {
  readonly kind: EventLoopKind = 'timer';
  readonly fd: number;
  private readonly counter = new Uint8Array(8);
  private readonly cancelThreadEnd: () => void;
  private timer: NodeJS.Timeout | undefined;
  private interval = SOONEST_MS;
  private keepAlive = false;
  private closed = false;

  constructor(
    private readonly calls: Calls,
    private readonly onRing: () => void,
  ) {
    this.fd = openEventfd(calls);
    this.cancelThreadEnd = calls.closeAtThreadEnd(this.fd);
  }

  watch(keepAlive: boolean): void {
    this.keepAlive = keepAlive;
    if (this.closed) return;
    if (this.timer === undefined) {
      this.interval = SOONEST_MS;
      this.start();
    } else if (keepAlive) {
      this.timer.ref();
    } else {
      this.timer.unref();
    }
  }

  rest(): void {
    timers.clearTimeout(this.timer);
    this.timer = undefined;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.rest();
    this.cancelThreadEnd();
    this.calls.close(this.fd);
  }

  private start(): void {
    this.timer = timers.setTimeout(() => {
      const rung = this.calls.read(this.fd, this.counter) === this.counter.length;
      this.interval = rung ? SOONEST_MS : Math.min(LATEST_MS, 2 * this.interval);
      // Before the listener, which may find that there is nothing left to wait for.
      this.start();
      if (rung) this.onRing();
    }, this.interval);
    if (!this.keepAlive) this.timer.unref();
  }
}
