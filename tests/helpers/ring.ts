/** Small helpers for all ring tests. */

import { prepNop } from '../../src/ops/index.js';
import type { Ring, Sqe } from '../../src/ring/index.js';

/** A completion's values, copied out of the queue. */
export interface CopiedCqe {
  readonly userData: number;
  readonly res: number;
  readonly flags: number;
}

/** Returns the next SQE, which must be available. */
export function sqeOf(ring: Ring): Sqe {
  const sqe = ring.getSqe();
  if (sqe === null) throw new Error('the submission queue is full');
  return sqe;
}

/** Prepares a NOP for each user data. */
export function nops(ring: Ring, ...userData: number[]): void {
  for (const value of userData) {
    const sqe = sqeOf(ring);
    prepNop(sqe);
    sqe.setUserData(value);
  }
}

/** Takes all completions out of the queue. */
export function takeAll(ring: Ring): CopiedCqe[] {
  const all: CopiedCqe[] = [];
  ring.forEachCqe((cqe) => all.push({ userData: cqe.userData, res: cqe.res, flags: cqe.flags }));
  return all;
}

/** Takes the next completion out of the queue. It must be there, or arrive within 10 s. */
export function take(ring: Ring): CopiedCqe & { extra1: bigint; extra2: bigint } {
  const cqe = ring.waitCqe(10_000);
  if (cqe === null) throw new Error('no completion came within 10 s');
  const { userData, res, flags, extra1, extra2 } = cqe;
  ring.advance(1);
  return { userData, res, flags, extra1, extra2 };
}

/** Submits one operation and takes its completion. */
export function run(ring: Ring, prepare: (sqe: Sqe) => void, userData = 1): CopiedCqe {
  const sqe = sqeOf(ring);
  prepare(sqe);
  sqe.setUserData(userData);
  ring.submitAndWait(1, 10_000);
  return take(ring);
}
