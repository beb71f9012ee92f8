/**
 * Accepting connections from a listening socket.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { MultishotIterator, Uring } from '../engine/index.js';
import { Errno, type UringError } from '../syscalls/index.js';

/**
 * The errors of accept(2) that are due to a lost connection or an unavailable network. The next
 * call may succeed.
 */
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

/**
 * The errors of accept(2) that are due to a lack of descriptors or memory, which may be available
 * later.
 */
const OF_THE_SYSTEM = new Set([-Errno.EMFILE, -Errno.ENFILE, -Errno.ENOBUFS, -Errno.ENOMEM]);

/** The delay before the next attempt in that case. */
const RETRY_MS = 20;

/**
 * The connections of one socket, as descriptors. Neither errors of a single connection nor a lack
 * of descriptors end it.
 */
export class Accepting {
  private incoming: MultishotIterator<number> | undefined;
  private keepsAlive = true;
  private readonly stopping = new AbortController();

  /** @param fd the listening descriptor, which remains the caller's. */
  constructor(
    private readonly uring: Uring,
    private readonly fd: number,
  ) {}

  /**
   * Returns the descriptor of the next connection, which the caller then owns.
   *
   * @returns `null` after {@link stop}.
   * @throws UringError when the socket itself fails.
   */
  async next(): Promise<number | null> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        this.incoming ??= this.start();
        const { done, value } = await this.incoming.next();
        if (!done) return value;
        this.incoming = undefined;
      } catch (error) {
        this.incoming = undefined;
        if (signal.aborted) break;
        const { errno = 0 } = error as UringError;
        if (OF_THE_SYSTEM.has(errno)) await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
        else if (!OF_THE_CONNECTION.has(errno)) throw error;
      }
    }
    return null;
  }

  /**
   * Stops accepting, and closes connections that were not taken. Idempotent.
   *
   * @returns when the kernel is done with the descriptor.
   */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.incoming?.return();
  }

  /** Does the same as {@link stop}; the kernel is done with the descriptor when this returns. */
  stopNow(): void {
    const { incoming } = this;
    void this.stop();
    if (incoming !== undefined) this.uring.sockets.settleNow(incoming);
  }

  /** Sets whether waiting for connections keeps the process alive. */
  reference(wanted: boolean): void {
    this.keepsAlive = wanted;
    if (this.incoming !== undefined) this.uring.sockets.reference(this.incoming, wanted);
  }

  private start(): MultishotIterator<number> {
    const incoming = this.uring.acceptMany(this.fd);
    this.uring.sockets.reference(incoming, this.keepsAlive);
    return incoming;
  }
}
