/**
 * The way from the kernel to Node's event loop: an eventfd that the loop watches.
 *
 * koffi offers libuv's poll handle. Its rules, learnt the hard way: it must stay referenced, or it is collected and rings no more;
 * nothing may be called on it once it is closed, or the process crashes; what its callback throws is swallowed; and promises settled
 * in the callback do not go on by themselves on every version of Node, which is why the listener runs in an immediate.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { UringError } from './errors.js';
import type { Koffi, KoffiLibrary, PollHandle } from './koffi.js';
import type { Doorbell, DoorbellKind, Syscalls } from './types.js';

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

const RTLD_NOW = 2;
const RTLD_NOLOAD = 4;
const RTLD_NODELETE = 0x1000;

/** The timer's first and last interval. */
const SOONEST_MS = 1;
const LATEST_MS = 16;

/** What doorbells need of libc. */
interface Calls {
  readonly create: () => number;
  /** @returns whether it had been signalled. */
  readonly reset: (fd: number) => boolean;
  readonly close: (fd: number) => void;
  readonly closeAtThreadEnd: Syscalls['closeAtThreadEnd'];
}

/** Doorbells in use: a handle that nobody refers to stops ringing. */
const open = new Set<Doorbell>();

/**
 * Makes doorbells for this thread.
 *
 * @param closeAtThreadEnd has a descriptor closed even when the thread is terminated.
 */
export function doorbells(
  koffi: Koffi,
  libc: KoffiLibrary,
  closeAtThreadEnd: Syscalls['closeAtThreadEnd'],
): Syscalls['openDoorbell'] {
  const eventfd = libc.func('eventfd', 'int', ['uint32_t', 'int']);
  const read = libc.func('read', 'intptr_t', ['int', 'void *', 'size_t']);
  const close = libc.func('close', 'int', ['int']);
  const counter = new Uint8Array(8);
  const calls: Calls = {
    create() {
      const fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) as number;
      if (fd < 0) throw new UringError(koffi.errno(), 'eventfd');
      return fd;
    },
    reset: (fd) => read(fd, counter, counter.length) === counter.length,
    close: (fd) => void close(fd),
    closeAtThreadEnd,
  };
  let pinned = false;
  return (onRing, kind) => {
    if (kind !== 'timer' && koffi.node?.poll !== undefined) {
      if (!pinned) pinKoffi(libc);
      pinned = true;
      return new PolledDoorbell(koffi.node.poll, calls, onRing);
    }
    return new TimedDoorbell(calls, onRing);
  };
}

/** What both kinds share: one immediate for however many signals. */
abstract class EventDoorbell implements Doorbell {
  abstract readonly kind: DoorbellKind;
  readonly fd: number;
  protected closed = false;
  private announced = false;
  private readonly cancelThreadEnd: () => void;

  constructor(
    private readonly calls: Calls,
    private readonly onRing: () => void,
  ) {
    this.fd = calls.create();
    this.cancelThreadEnd = calls.closeAtThreadEnd(this.fd);
    open.add(this);
  }

  abstract ref(): void;
  abstract unref(): void;

  /** Looks at the eventfd. @returns whether it had been signalled. */
  protected look(): boolean {
    if (this.closed || !this.calls.reset(this.fd)) return false;
    if (!this.announced) {
      this.announced = true;
      setImmediate(this.announce);
    }
    return true;
  }

  private readonly announce = () => {
    this.announced = false;
    if (!this.closed) this.onRing();
  };

  close(): void {
    if (this.closed) return;
    this.closed = true;
    open.delete(this);
    this.stop();
    this.cancelThreadEnd();
    this.calls.close(this.fd);
  }

  protected abstract stop(): void;
}

/** Watched by the loop itself. */
class PolledDoorbell extends EventDoorbell {
  readonly kind = 'poll';
  private readonly handle: PollHandle;

  constructor(poll: (fd: number, callback: () => void) => PollHandle, calls: Calls, onRing: () => void) {
    super(calls, onRing);
    try {
      this.handle = poll(this.fd, () => void this.look());
    } catch (error) {
      this.handle = undefined as unknown as PollHandle;
      this.close();
      throw error;
    }
    this.handle.unref();
  }

  ref(): void {
    if (!this.closed) this.handle.ref();
  }

  unref(): void {
    if (!this.closed) this.handle.unref();
  }

  protected stop(): void {
    this.handle?.close();
  }
}

/** Where the loop cannot be hooked: looks every millisecond while somebody waits, then less and less often. */
class TimedDoorbell extends EventDoorbell {
  readonly kind = 'timer';
  private timer: NodeJS.Timeout | undefined;
  private interval = SOONEST_MS;

  ref(): void {
    if (this.closed || this.timer) return;
    this.interval = SOONEST_MS;
    this.start();
  }

  unref(): void {
    this.stop();
  }

  protected stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private start(): void {
    this.timer = setTimeout(() => {
      this.interval = this.look() ? SOONEST_MS : Math.min(LATEST_MS, 2 * this.interval);
      if (this.timer) this.start();
    }, this.interval);
  }
}

/**
 * Node unloads koffi's code when the last thread that loaded it ends, though a poll handle may have an event pending then; so it is
 * loaded for good.
 */
function pinKoffi(libc: KoffiLibrary): void {
  try {
    const file = readFileSync('/proc/self/maps', 'utf8').match(/\/\S*koffi\S*\.node$/m)?.[0];
    if (file !== undefined) libc.func('dlopen', 'uintptr_t', ['str', 'int'])(file, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  } catch {
    // Without /proc or dlopen it is as safe as koffi itself.
  }
}
