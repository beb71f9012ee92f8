/**
 * The options of `Uring.open`, and their checks.
 *
 * @module
 */

import { MAX_CQ_ENTRIES, MAX_ENTRIES } from '../ring/index.js';
import { type EventLoopKind, linuxSyscalls, type Syscalls } from '../syscalls/index.js';
import { checkInteger, checkName, checkOptions, invalidArgType } from '../validate.js';
import type { CoreOptions } from './queue/open-ring.js';

/** Options of an engine. */
export interface UringOptions {
  /**
   * Entries of the submission queue, 1 to 32,768 (and at least 4, for a chain): how many operations
   * one turn of the program submits in one call. More are submitted in several calls. Default 256.
   */
  readonly entries?: number | undefined;
  /** Entries of the completion queue. The kernel keeps what does not fit. Default 4,096. */
  readonly cqEntries?: number | undefined;
  /**
   * Whether to record where each operation was started, for `inspect()`. Costs about 17 us for each
   * operation. Default false.
   */
  readonly callSites?: boolean | undefined;
  /**
   * How completions wake Node's event loop: `'poll'` by the loop's own polling, `'timer'` by
   * looking every few milliseconds, where the loop cannot be hooked. Default: the first that works.
   */
  readonly eventLoop?: EventLoopKind | undefined;
  /** The system calls. Default: Linux, through koffi. `uring/testing` provides others. */
  readonly syscalls?: Syscalls | undefined;
}

const OPTION_NAMES = [
  'entries',
  'cqEntries',
  'callSites',
  'eventLoop',
  'syscalls',
] as const satisfies readonly (keyof UringOptions)[];

/** The longest chain that the library itself uses. */
const LEAST_ENTRIES = 4;

/** Checks the options and fills in the defaults. */
export function checkUringOptions(options: UringOptions): CoreOptions & { readonly callSites: boolean } {
  checkOptions(options, OPTION_NAMES);
  const { entries = 256, callSites = false, eventLoop } = options;
  checkInteger('options.entries', entries, 1, MAX_ENTRIES);
  const rounded = Math.max(LEAST_ENTRIES, entries);
  const { cqEntries = Math.min(MAX_CQ_ENTRIES, Math.max(4096, 2 * entries)) } = options;
  checkInteger('options.cqEntries', cqEntries, 1, MAX_CQ_ENTRIES);
  if (typeof callSites !== 'boolean') throw invalidArgType('options.callSites', 'of type boolean', callSites);
  if (eventLoop !== undefined) checkName('options.eventLoop', eventLoop, ['poll', 'timer'], 'a way to wake the event loop');
  return {
    entries: rounded,
    cqEntries: Math.max(rounded, cqEntries),
    callSites,
    eventLoop,
    syscalls: options.syscalls ?? linuxSyscalls(),
  };
}
