/**
 * `handle.reading` while the ring reads.
 *
 * @module
 */

import { timers } from '../timers.js';
import type { NativeHandle } from './natives.js';

/**
 * The property `reading` of a handle while the ring reads. TLS reads it and replaces it with a
 * property of its own, one tick before it looks for data that was already read.
 */
export class ReadingProperty {
  /** Whether Node has started reading. */
  value = true;

  constructor(
    private readonly handle: NativeHandle,
    private readonly taken: () => void,
  ) {}

  put(): void {
    Object.defineProperty(this.handle, 'reading', { get: this.get, set: this.set, configurable: true, enumerable: true });
  }

  /** Restores Node's property, unless TLS has replaced it. */
  remove(): void {
    if (!this.isOurs) return;
    const { value } = this;
    Object.defineProperty(this.handle, 'reading', { value, writable: true, configurable: true, enumerable: true });
  }

  private get isOurs(): boolean {
    return Object.getOwnPropertyDescriptor(this.handle, 'reading')?.get === this.get;
  }

  private readonly get = (): boolean => {
    timers.nextTick(() => {
      if (!this.isOurs) this.taken();
    });
    return this.value;
  };

  private readonly set = (value: boolean): void => {
    this.value = value;
  };
}
