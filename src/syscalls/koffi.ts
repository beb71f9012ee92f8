/**
 * Loads koffi, once per thread. On the main thread, this happens only at the first use of the
 * kernel: importing the library must succeed on any system, and `uring doctor` must work where
 * koffi cannot be loaded.
 *
 * @module
 */

import { createRequire } from 'node:module';
import { withNodesFunctions } from '../node-fs.js';

/** The part of koffi that the shim uses. (koffi's own typings use only `any`.) */
export interface Koffi {
  readonly version: string;
  load(path: string | null): KoffiLibrary;
  address(view: ArrayBufferView): bigint;
  view(address: bigint, length: number): ArrayBuffer;
  errno(): number;
}

/** A loaded library: functions by name and prototype, symbols by name. */
export interface KoffiLibrary {
  func(name: string, result: string, parameters: string[]): (...args: unknown[]) => unknown;
  symbol(name: string): bigint;
}

let loaded: Koffi | undefined;

/**
 * Returns koffi, loading it on first use.
 *
 * @throws any error of `require('koffi')`, when its binary is missing or does not fit.
 */
export function loadKoffi(): Koffi {
  loaded ??= withNodesFunctions(() => createRequire(import.meta.url)('koffi')) as Koffi;
  return loaded;
}
