/**
 * Taking connections.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type MultishotIterator, Uring } from '../engine/index.js';
import { Errno, type UringError } from '../syscalls/index.js';
import { checkInteger, checkOptions } from '../validate.js';
import { Connection } from './connection.js';
import { openAt } from './open-at.js';
import { addressError, addressOf, bindTo, closeBound, createSocket, type SocketAddress } from './socket.js';
import { STREAM_OPTIONS } from './socket-options.js';
import { checkTarget, TARGET_OPTIONS, type TargetOptions } from './target.js';

/** Where and how to listen. The settings are those of the listener, and Linux hands them on to the connections that are taken. */
export interface ListenOptions extends TargetOptions {
  /** How many connections wait to be taken; the kernel caps it at net.core.somaxconn. Default 511. */
  readonly backlog?: number | undefined;
}

/** What accept(2) fails with because of a connection that is gone, or a network that is not there: the next may do. */
const OF_THE_CONNECTION = new Set([
  -Errno.ECONNABORTED,
  -Errno.EPERM,
  -Errno.EPROTO,
  -Errno.ENETDOWN,
  -Errno.ENOPROTOOPT,
  -Errno.EHOSTDOWN,
  -Errno.ENONET,
  -Errno.EHOSTUNREACH,
  -Errno.ENETUNREACH,
]);

/** What it fails with for lack of descriptors or memory: later, there may be some. */
const OF_THE_SYSTEM = new Set([-Errno.EMFILE, -Errno.ENFILE, -Errno.ENOBUFS, -Errno.ENOMEM]);

/** How soon it is tried again then. */
const RETRY_MS = 20;

/**
 * Listens for connections.
 *
 * @throws UringError EADDRINUSE, EACCES, EADDRNOTAVAIL, EMFILE, with `address` and `port`; those of the resolver; UringUnavailableError.
 * @throws TypeError, RangeError for options that make no sense.
 *
 * @example
 * ```ts
 * await using listener = await listen({ port: 7 });
 * for await (const connection of listener) void echo(connection);
 *
 * async function echo(connection: Connection) {
 *   await using _ = connection;
 *   for await (const chunk of connection) await connection.write(chunk);
 * }
 * ```
 */
export async function listen(options: ListenOptions = {}): Promise<Listener> {
  checkListenOptions(options);
  const { uring = Uring.default() } = options;
  uring.sockets.prepare(options.descriptors);
  return openAt(options, (address) => open(uring, options, address));
}

function open(uring: Uring, options: ListenOptions, address: SocketAddress): Listener {
  const { calls } = uring.sockets;
  const fd = createSocket(calls, address.family);
  try {
    const isUnix = address.family === 'unix';
    // A port whose connections are still closing can be taken again at once, as Node has it.
    STREAM_OPTIONS.apply(calls, fd, { ...(isUnix ? {} : { reuseAddress: true }), ...options });
    bindTo(calls, fd, address);
    const result = calls.listen(fd, options.backlog ?? 511);
    if (result < 0) throw addressError(result, 'listen', address);
    return new Listener(uring, fd, addressOf(calls, fd, 'getsockname') ?? address, options.descriptors);
  } catch (error) {
    uring.closeDescriptor(fd);
    throw error;
  }
}

function checkListenOptions(options: ListenOptions): void {
  checkOptions(options, ['backlog', ...TARGET_OPTIONS]);
  const { port, backlog } = options;
  checkTarget(options);
  if (port !== undefined) checkInteger('options.port', port, 0, 0xffff);
  if (backlog !== undefined) checkInteger('options.backlog', backlog, 1, 0x7fff_ffff);
}

/**
 * A socket that takes connections, as an iterator over them. `break` leaves it open.
 *
 * What goes wrong with one connection, or for lack of descriptors, ends nothing: it goes on with the next, as soon as that is possible.
 */
export class Listener implements AsyncIterable<Connection> {
  private descriptor: number;
  private incoming: MultishotIterator<number> | undefined;
  private closing: Promise<void> | undefined;
  private keepsAlive = true;
  private readonly stop = new AbortController();
  private readonly cancelThreadEnd: () => void;

  /** @internal */
  constructor(
    private readonly uring: Uring,
    fd: number,
    /** Where it listens: with the port that the kernel has chosen. */
    readonly address: SocketAddress,
    private readonly takesDescriptors = false,
  ) {
    this.descriptor = fd;
    this.cancelThreadEnd = uring.closeAtThreadEnd(fd);
  }

  /** The descriptor, or -1 after {@link close}. */
  get fd(): number {
    return this.descriptor;
  }

  /**
   * The next connection.
   *
   * @returns `null` when the listener is closed.
   * @throws UringError when the socket itself fails.
   */
  async accept(): Promise<Connection | null> {
    const fd = await this.acceptDescriptor();
    return fd === null ? null : new Connection(this.uring, fd, this.takesDescriptors);
  }

  /** As {@link accept}: the caller's own descriptor. @internal */
  async acceptDescriptor(): Promise<number | null> {
    while (this.closing === undefined) {
      try {
        this.incoming ??= this.start();
        const { done, value } = await this.incoming.next();
        if (!done) return value;
        this.incoming = undefined;
      } catch (error) {
        this.incoming = undefined;
        if (this.isOver()) break;
        const { errno = 0 } = error as UringError;
        if (OF_THE_SYSTEM.has(errno)) await sleep(RETRY_MS, undefined, { signal: this.stop.signal }).catch(() => undefined);
        else if (!OF_THE_CONNECTION.has(errno)) throw error;
      }
    }
    return null;
  }

  /** The connections. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Connection> {
    const iterator: AsyncIterableIterator<Connection> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        const value = await this.accept();
        return value === null ? { done: true, value: undefined } : { done: false, value };
      },
      return: async () => ({ done: true, value: undefined }),
    };
    return iterator;
  }

  /** Takes no more, and gives its address up. Connections that were taken go on; those that nobody took are closed. Idempotent. */
  close(): Promise<void> {
    this.closing ??= this.closeNow();
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether waiting for connections keeps the process alive: it does, until {@link unref}. */
  ref(): this {
    return this.reference(true);
  }

  /** Lets the process end although connections could come. */
  unref(): this {
    return this.reference(false);
  }

  private reference(wanted: boolean): this {
    this.keepsAlive = wanted;
    if (this.incoming !== undefined) this.uring.sockets.reference(this.incoming, wanted);
    return this;
  }

  private start(): MultishotIterator<number> {
    const incoming = this.uring.acceptMany(this.descriptor);
    this.uring.sockets.reference(incoming, this.keepsAlive);
    return incoming;
  }

  private isOver(): boolean {
    return this.closing !== undefined;
  }

  private async closeNow(): Promise<void> {
    const { uring, address } = this;
    this.stop.abort();
    await this.incoming?.return?.();
    const fd = this.descriptor;
    this.descriptor = -1;
    this.cancelThreadEnd();
    await closeBound(uring, fd, address);
  }
}
