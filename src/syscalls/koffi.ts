/**
 * Loads koffi, once per thread, and on the main thread only when something is asked of the kernel: importing the library has to succeed on any
 * system, and `uring doctor` has to work where koffi cannot load.
 *
 * @module
 */

import { createRequire } from 'node:module';

/** The part of koffi that the shim uses. (koffi's own typings know `any` only.) */
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
 * koffi, loaded on first use.
 *
 * @throws what `require('koffi')` throws where its binary is missing or does not fit.
 */
export function loadKoffi(): Koffi {
  loaded ??= createRequire(import.meta.url)('koffi') as Koffi;
  return loaded;
}
