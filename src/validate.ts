/**
 * Argument checks that throw the same errors as Node.js: `TypeError` with ERR_INVALID_ARG_TYPE,
 * `RangeError` with ERR_OUT_OF_RANGE. Every public function checks its arguments before it touches
 * the ring, so that invalid input changes nothing.
 *
 * @module
 */

import { inspect } from 'node:util';
import { AT_FDCWD } from './linux.js';

/** The maximum length of one read or write; the kernel counts bytes in 32 bits. */
const MAX_RW_LENGTH = 0x7fff_ffff;

const U32_MAX = 0xffff_ffff;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

function withCode<E extends Error>(error: E, code: string): E & { code: string } {
  // As in Node: the code in the first line of the stack, and as a property.
  error.stack = error.stack?.replace(error.name, `${error.name} [${code}]`) as string;
  return Object.assign(error, { code });
}

/** Creates a `TypeError` ERR_INVALID_ARG_TYPE: the value has the wrong type. */
export function invalidArgType(name: string, expected: string, actual: unknown): TypeError & { code: string } {
  const received =
    actual === null || actual === undefined
      ? String(actual)
      : typeof actual === 'object'
        ? `an instance of ${actual.constructor?.name ?? 'Object'}`
        : `type ${typeof actual} (${inspect(actual).slice(0, 40)})`;
  return withCode(new TypeError(`The "${name}" argument must be ${expected}. Received ${received}`), 'ERR_INVALID_ARG_TYPE');
}

/** Creates a `RangeError` ERR_OUT_OF_RANGE: the value has the right type but is out of range. */
export function outOfRange(name: string, range: string, actual: unknown): RangeError & { code: string } {
  return withCode(
    new RangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${inspect(actual)}`),
    'ERR_OUT_OF_RANGE',
  );
}

/** Creates a `TypeError` ERR_INVALID_ARG_VALUE: the value is invalid here. */
export function invalidArgValue(name: string, actual: unknown, reason: string): TypeError & { code: string } {
  // Node's wording, with its quotation marks.
  const kind = name.includes('.') ? 'property' : 'argument';
  return withCode(new TypeError(`The ${kind} '${name}' ${reason}. Received ${inspect(actual)}`), 'ERR_INVALID_ARG_VALUE');
}

/** Creates an `Error` ERR_INVALID_STATE: the object cannot do this in its current state. */
export function invalidState(message: string): Error & { code: string } {
  return withCode(new Error(`Invalid state: ${message}`), 'ERR_INVALID_STATE');
}

/** Checks for an integer within bounds. */
export function checkInteger(name: string, value: unknown, min: number, max: number): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value);
}

/** Checks for a u32. */
export function checkUint32(name: string, value: unknown): asserts value is number {
  // One comparison for the common case: every encoder calls this on the hot path.
  if (typeof value === 'number' && value >>> 0 === value) return;
  checkInteger(name, value, 0, U32_MAX);
}

/**
 * Checks for a file descriptor or the index of a registered file. (Whether it is open is for the
 * kernel to decide: EBADF.)
 */
export function checkFd(name: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && value >= 0 && (value | 0) === value) return;
  checkInteger(name, value, 0, 0x7fff_ffff);
}

/** Checks for a directory descriptor for the `*at` operations: a descriptor or AT_FDCWD. */
export function checkDirectoryFd(name: string, value: unknown): asserts value is number {
  if (value !== AT_FDCWD) checkFd(name, value);
}

/** Checks for a user-space address: a non-negative safe integer. */
export function checkAddress(name: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && value >= 0 && Number.isSafeInteger(value)) return;
  checkInteger(name, value, 0, Number.MAX_SAFE_INTEGER);
}

/** Checks for a byte count of one read or write: at most 2 GiB - 1. */
export function checkRwLength(name: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && value >= 0 && (value | 0) === value) return;
  checkInteger(name, value, 0, MAX_RW_LENGTH);
}

/** Checks for a u64, as a safe integer or a bigint. */
export function checkUint64(name: string, value: unknown): asserts value is number | bigint {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value) && value >= 0) return;
    checkInteger(name, value, 0, Number.MAX_SAFE_INTEGER);
  } else if (typeof value === 'bigint') {
    if (value < 0n || value > U64_MAX) throw outOfRange(name, '>= 0n && <= 2n ** 64n - 1n', value);
  } else {
    throw invalidArgType(name, 'of type number or bigint', value);
  }
}

/** Checks for a file offset, as a safe integer or a bigint, or -1 for the current position. */
export function checkOffset(name: string, value: unknown): asserts value is number | bigint {
  if (value === -1 || value === -1n) return;
  if (typeof value === 'bigint') {
    if (value < 0n || value > 0x7fff_ffff_ffff_ffffn) throw outOfRange(name, '-1n, or >= 0n && <= 2n ** 63n - 1n', value);
  } else {
    checkUint64(name, value);
  }
}

/** Checks for a time limit in milliseconds, which may be fractional, or `undefined` for none. */
export function checkTimeout(value: unknown): asserts value is number | undefined {
  if (value === undefined) return;
  if (typeof value !== 'number') throw invalidArgType('timeoutMs', 'of type number', value);
  if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw outOfRange('timeoutMs', '>= 0 && <= 2 ** 53 - 1', value);
}

/** Checks for a function. */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw invalidArgType(name, 'of type function', value);
}

/** Checks for a string without null characters, as required for a C string. */
export function checkCString(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw invalidArgType(name, 'of type string', value);
  if (value.includes('\0')) throw invalidArgValue(name, value, 'must be a string without null bytes');
}

/**
 * Checks for a view of memory that can be passed to the kernel: not empty, not detached, at most 2
 * GiB - 1.
 */
export function checkBuffer(name: string, value: unknown): asserts value is ArrayBufferView {
  if (!ArrayBuffer.isView(value)) throw invalidArgType(name, 'an instance of Buffer, TypedArray, or DataView', value);
  if (value.byteLength === 0) {
    // Views of a detached buffer also have length 0. The two cases get different messages.
    if ((value.buffer as { detached?: boolean }).detached === true || value.buffer.byteLength === 0) {
      throw invalidArgValue(name, value, 'must be backed by memory (its ArrayBuffer is empty or detached)');
    }
    throw invalidArgValue(name, value, 'must not be empty');
  }
  if (value.byteLength > MAX_RW_LENGTH) throw outOfRange(`${name}.byteLength`, `<= ${MAX_RW_LENGTH}`, value.byteLength);
}

/** Returns whether an ArrayBuffer is detached. (An intentionally empty one is not.) */
export function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/**
 * Checks for an array of views that each pass {@link checkBuffer}: at most `max` of them, and at
 * most 2 GiB - 1 in total.
 */
export function checkBuffers(name: string, value: unknown, max: number): asserts value is readonly ArrayBufferView[] {
  if (!Array.isArray(value)) throw invalidArgType(name, 'an array of Buffer, TypedArray, or DataView', value);
  if (value.length === 0 || value.length > max) throw outOfRange(`${name}.length`, `>= 1 && <= ${max}`, value.length);
  let total = 0;
  for (let index = 0; index < value.length; index++) {
    checkBuffer(`${name}[${index}]`, value[index]);
    total += value[index].byteLength;
  }
  if (total > MAX_RW_LENGTH) throw outOfRange(name, `<= ${MAX_RW_LENGTH} bytes together`, total);
}

/**
 * Checks for an options object with no unknown keys. The error for a misspelled key suggests the
 * right name.
 */
export function checkOptions(value: unknown, known: readonly string[], name = 'options'): void {
  if (typeof value !== 'object' || value === null) throw invalidArgType(name, 'of type object', value);
  for (const key of Object.keys(value)) if (!known.includes(key)) throw unknownName(`${name}.${key}`, 'an option', key, known);
}

/** Checks for one of a list of names. */
export function checkName<Name extends string>(
  argument: string,
  value: unknown,
  known: readonly Name[],
  kind: string,
): asserts value is Name {
  if (typeof value !== 'string') throw invalidArgType(argument, 'of type string', value);
  if (!known.includes(value as Name)) throw unknownName(argument, kind, value, known);
}

function unknownName(argument: string, kind: string, value: string, known: readonly string[]): TypeError {
  const nearest = known
    .map((name) => ({ name, distance: editDistance(value.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const suggestion = nearest && nearest.distance <= Math.max(2, value.length / 3) ? ` (did you mean "${nearest.name}"?)` : '';
  return invalidArgValue(argument, value, `must be a valid ${kind.replace(/^an? /, '')}${suggestion}`);
}

/** Returns the Levenshtein distance, for suggestions. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current[j] = Math.min(substitution, (previous[j] as number) + 1, (current[j - 1] as number) + 1);
    }
    previous = current;
  }
  return previous[b.length] as number;
}
