/**
 * The options of `Uring.open`, checked.
 *
 * @module
 */

import { MAX_CQ_ENTRIES, MAX_ENTRIES } from '../ring/index.js';
import { type EventLoopKind, linuxSyscalls, type Syscalls } from '../syscalls/index.js';
import { checkInteger, checkName, checkOptions, invalidArgType } from '../validate.js';
import type { CoreOptions } from './queue/open-ring.js';

/** How to open an engine. */
export interface UringOptions {
  /**
   * Entries of the submission queue, 1 to 32,768 (and at least 4, which a chain takes): what one turn of the program sends in one call.
   * More are sent in several. Default 256.
   */
  readonly entries?: number | undefined;
  /** Entries of the completion queue; what does not fit is kept by the kernel. Default 4,096. */
  readonly cqEntries?: number | undefined;
  /** Records where each operation was started, for `inspect()`. Costs about 17 us each. Default false. */
  readonly callSites?: boolean | undefined;
  /**
   * How completions wake Node's event loop: `'poll'` by its own polling, `'timer'` by looking every few milliseconds, for where the loop
   * cannot be hooked. Default: the first that works.
   */
  readonly eventLoop?: EventLoopKind | undefined;
  /** The system calls; default: Linux, through koffi. `uring/testing` has others. */
  readonly syscalls?: Syscalls | undefined;
}

const OPTION_NAMES = [
  'entries',
  'cqEntries',
  'callSites',
  'eventLoop',
  'syscalls',
] as const satisfies readonly (keyof UringOptions)[];

/** The longest chain of the library's own. */
const LEAST_ENTRIES = 4;

/** The options with their defaults. */
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
