/**
 * Listening for and accepting connections.
 *
 * @module
 */

import type { InspectOptionsStylized } from 'node:util';
import { Uring } from '../engine/index.js';
import { INSPECT, summary } from '../summary.js';
import { checkInteger, checkOptions } from '../validate.js';
import { Accepting } from './accepting.js';
import { Connection } from './connection.js';
import { openAt } from './open-at.js';
import { addressError, addressOf, bindTo, closeBound, createSocket, type SocketAddress } from './socket.js';
import { STREAM_OPTIONS } from './socket-options.js';
import { checkTarget, TARGET_OPTIONS, type TargetOptions } from './target.js';

/**
 * The options of {@link listen}: where and how. The settings are those of the listener, and Linux
 * passes them on to accepted connections.
 */
export interface ListenOptions extends TargetOptions {
  /**
   * The number of connections that can wait to be accepted; the kernel caps it at
   * net.core.somaxconn. Default 511.
   */
  readonly backlog?: number | undefined;
}

/**
 * Listens for connections.
 *
 * @throws UringError EADDRINUSE, EACCES, EADDRNOTAVAIL, EMFILE, with `address` and `port`; errors
 *   of the resolver; UringUnavailableError.
 * @throws TypeError, RangeError for invalid options.
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
    // Allows a port to be reused immediately while its connections are still closing, as Node does.
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
 * A listening socket, as an iterator over its connections. `break` leaves it open.
 *
 * Neither errors of a single connection nor a lack of descriptors end it: it continues with the
 * next connection as soon as possible.
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
    /** The address it listens on, with the port that the kernel has chosen. */
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

  /** Returns the text that `util.inspect` shows. @internal */
  [INSPECT](depth: number, options: InspectOptionsStylized): string {
    const { fd, address } = this;
    return summary('Listener', { fd, address }, depth, options);
  }

  /**
   * Accepts the next connection.
   *
   * @returns `null` when the listener is closed.
   * @throws UringError when the socket itself fails.
   */
  async accept(): Promise<Connection | null> {
    const fd = await this.accepting.next();
    return fd === null ? null : new Connection(this.uring, fd, this.takesDescriptors);
  }

  /** Iterates over the connections. */
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

  /**
   * Stops accepting, and releases the address. Accepted connections continue; those that were not
   * taken are closed. Idempotent.
   */
  close(): Promise<void> {
    this.closing ??= this.closeNow();
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Makes waiting for connections keep the process alive, which is the default until {@link unref}.
   */
  ref(): this {
    this.accepting.reference(true);
    return this;
  }

  /** Lets the process end while the listener waits for connections. */
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
