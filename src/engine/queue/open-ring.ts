/**
 * The ring, set up as the engine needs it.
 *
 * @module
 */

import { Ring, type SetupFlagName } from '../../ring/index.js';
import type { EventLoopKind, Syscalls } from '../../syscalls/index.js';
import { signalsEventfd } from './eventfd-probe.js';

/** The checked options of an engine. */
export interface CoreOptions {
  readonly entries: number;
  readonly cqEntries: number;
  readonly syscalls: Syscalls;
  readonly eventLoop: EventLoopKind | undefined;
}

const OPTIONAL_FLAGS = ['SINGLE_ISSUER', 'COOP_TASKRUN', 'TASKRUN_FLAG', 'SUBMIT_ALL', 'NO_SQARRAY'] as const;

/** Opens a ring; without DEFER_TASKRUN where the kernel would not signal its completions. */
export function openRing({ entries, cqEntries, syscalls }: CoreOptions): Ring {
  const open = (flags: readonly SetupFlagName[]) =>
    Ring.open({ entries, cqEntries, optionalFlags: [...flags, ...OPTIONAL_FLAGS], syscalls });
  const ring = open(['DEFER_TASKRUN']);
  if (!ring.hasFlag('DEFER_TASKRUN') || signalsEventfd(syscalls)) return ring;
  // Nothing was ever submitted.
  ring.closeWith({ completed() {}, idle: () => true });
  return open([]);
}
