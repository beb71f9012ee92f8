/**
 * The arguments of operations, by the names that callers know, and the check of each. The encoders
 * check what they write, too, but later, and by the names of the SQE's fields.
 *
 * @module
 */

import { constants } from 'node:fs';
import { checkInt32, LAST_SLOT } from '../../ops/encode.js';
import {
  checkDirectoryFd,
  checkFd,
  checkInteger,
  checkOffset,
  checkOptions,
  checkUint32,
  checkUint64,
  invalidArgType,
  invalidArgValue,
} from '../../validate.js';
import { RUN_OPTIONS } from './operation.js';

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY } = constants;

const CREATE = O_CREAT | O_TRUNC;

/** The strings of `fs.open`. */
const OPEN_FLAGS = new Map<string, number>([
  ['r', O_RDONLY],
  ['rs', O_RDONLY | O_SYNC],
  ['r+', O_RDWR],
  ['rs+', O_RDWR | O_SYNC],
  ['w', CREATE | O_WRONLY],
  ['wx', CREATE | O_WRONLY | O_EXCL],
  ['w+', CREATE | O_RDWR],
  ['wx+', CREATE | O_RDWR | O_EXCL],
  ['a', O_APPEND | O_CREAT | O_WRONLY],
  ['ax', O_APPEND | O_CREAT | O_WRONLY | O_EXCL],
  ['as', O_APPEND | O_CREAT | O_WRONLY | O_SYNC],
  ['a+', O_APPEND | O_CREAT | O_RDWR],
  ['ax+', O_APPEND | O_CREAT | O_RDWR | O_EXCL],
  ['as+', O_APPEND | O_CREAT | O_RDWR | O_SYNC],
  // The letters can be in either order.
  ['sr', O_RDONLY | O_SYNC],
  ['sr+', O_RDWR | O_SYNC],
  ['xw', CREATE | O_WRONLY | O_EXCL],
  ['xw+', CREATE | O_RDWR | O_EXCL],
  ['xa', O_APPEND | O_CREAT | O_WRONLY | O_EXCL],
  ['sa', O_APPEND | O_CREAT | O_WRONLY | O_SYNC],
  ['xa+', O_APPEND | O_CREAT | O_RDWR | O_EXCL],
  ['sa+', O_APPEND | O_CREAT | O_RDWR | O_SYNC],
]);

/** Returns the flags for open(2) of a string as `fs.open` takes it; `undefined` if it is none. */
export function openFlagsOf(text: string): number | undefined {
  return OPEN_FLAGS.get(text);
}

function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'of type boolean', value);
}

/** A number or, for the operations that open, a string as `fs.open` takes it. */
function checkOpenFlags(name: string, value: unknown): void {
  if (typeof value !== 'string') checkUint32(name, value);
  else if (!OPEN_FLAGS.has(value)) throw invalidArgValue(name, value, "must be a number, or a string such as 'r+'");
}

function checkSlot(name: string, value: unknown): void {
  if (value !== 'auto') checkInteger(name, value, 0, LAST_SLOT);
}

/** Checked where it is used, with more than its type. */
function elsewhere(): void {}

/** By name. The same name is the same kind of value in all operations. */
const CHECKS = {
  address: elsewhere,
  backlog: checkUint32,
  bigint: checkBoolean,
  count: checkUint32,
  data: checkUint64,
  datasync: checkBoolean,
  directory: checkDirectoryFd,
  epoll: checkFd,
  fd: checkFd,
  flags: checkUint32,
  level: checkInt32,
  mode: checkUint32,
  newDirectory: checkDirectoryFd,
  noFollow: checkBoolean,
  offset: checkOffset,
  offsetIn: checkOffset,
  offsetOut: checkOffset,
  openFlags: checkOpenFlags,
  option: checkInt32,
  pid: checkFd,
  protocol: checkUint32,
  removeDirectory: checkBoolean,
  resolve: checkUint64,
  result: checkInt32,
  size: checkUint32,
  slot: checkSlot,
  type: elsewhere,
} as const;

export type ArgumentName = keyof typeof CHECKS;

/** Checks a parameter. */
export function checkArgument(name: ArgumentName, value: unknown): void {
  CHECKS[name](name, value);
}

const optionOf = (name: ArgumentName): string => (name === 'openFlags' ? 'flags' : name);

/**
 * Checks an operation's options: that there are no others than its own, and those common to all,
 * and their values. `openFlags` is the option `flags` of operations that open.
 */
export function checkRunOptions(options: unknown, ...own: ArgumentName[]): void {
  checkOptions(options, own.length === 0 ? RUN_OPTIONS : [...own.map(optionOf), ...RUN_OPTIONS]);
  for (const name of own) {
    const option = optionOf(name);
    const value = (options as Record<string, unknown>)[option];
    if (value !== undefined) CHECKS[name](`options.${option}`, value);
  }
}
