/**
 * The requests of a ring that have not completed, indexed by user data.
 *
 * @module
 */

import type { KernelRequest } from './request.js';

/** Requests, in the order of arrival. */
export class RequestTable {
  /** Requests that a worker is running, which cannot be cancelled. */
  readonly running = new Set<KernelRequest>();
  private readonly all = new Set<KernelRequest>();
  private readonly byUserData = new Map<bigint, Set<KernelRequest>>();

  get size(): number {
    return this.all.size;
  }

  add(request: KernelRequest): void {
    this.all.add(request);
    const named = this.byUserData.get(request.userData);
    if (named === undefined) this.byUserData.set(request.userData, new Set([request]));
    else named.add(request);
  }

  delete(request: KernelRequest): void {
    this.all.delete(request);
    this.running.delete(request);
    const named = this.byUserData.get(request.userData);
    named?.delete(request);
    if (named?.size === 0) this.byUserData.delete(request.userData);
  }

  /** Changes the user data of a request. POLL_REMOVE. */
  rename(request: KernelRequest, userData: bigint): void {
    const isLive = this.all.has(request);
    const isRunning = this.running.has(request);
    if (isLive) this.delete(request);
    request.userData = userData;
    if (isLive) this.add(request);
    if (isRunning) this.running.add(request);
  }

  [Symbol.iterator](): Iterator<KernelRequest> {
    return this.all.values();
  }

  /** Returns the requests with this user data. */
  named(userData: bigint): Iterable<KernelRequest> {
    return this.byUserData.get(userData) ?? [];
  }
}
