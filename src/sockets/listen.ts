/**
 * Taking connections.
 *
 * @module
 */

import { Uring } from '../engine/index.js';
import { checkInteger, checkOptions } from '../validate.js';
import { Accepting } from './accepting.js';
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
  private readonly accepting: Accepting;
  private closing: Promise<void> | undefined;
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
    this.accepting = new Accepting(uring, fd);
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
    const fd = await this.accepting.next();
    return fd === null ? null : new Connection(this.uring, fd, this.takesDescriptors);
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
    this.accepting.reference(true);
    return this;
  }

  /** Lets the process end although connections could come. */
  unref(): this {
    this.accepting.reference(false);
    return this;
  }

  private async closeNow(): Promise<void> {
    const { uring, address } = this;
    await this.accepting.stop();
    const fd = this.descriptor;
    this.descriptor = -1;
    this.cancelThreadEnd();
    await closeBound(uring, fd, address);
  }
}
