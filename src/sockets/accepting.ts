/**
 * Taking connections from a socket that listens.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { MultishotIterator, Uring } from '../engine/index.js';
import { Errno, type UringError } from '../syscalls/index.js';

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

/** The connections of one socket, as descriptors. What goes wrong with one of them, or for lack of descriptors, ends nothing. */
export class Accepting {
  private incoming: MultishotIterator<number> | undefined;
  private keepsAlive = true;
  private readonly stopping = new AbortController();

  /** @param fd stays the caller's. */
  constructor(
    private readonly uring: Uring,
    private readonly fd: number,
  ) {}

  /**
   * The next one: the caller's own descriptor.
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

  /** Takes no more; those that nobody took are closed. Idempotent. @returns when the kernel is done with the descriptor. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.incoming?.return();
  }

  /** As {@link stop}, and the kernel is done with the descriptor when this returns. */
  stopNow(): void {
    const { incoming } = this;
    void this.stop();
    if (incoming !== undefined) this.uring.sockets.settleNow(incoming);
  }

  /** Whether waiting for connections keeps the process alive. */
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
