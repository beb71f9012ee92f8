/**
 * `handle.reading` while the ring reads.
 *
 * @module
 */

import { timers } from '../timers.js';
import type { NativeHandle } from './natives.js';

/**
 * What a handle has as `reading` while the ring reads. TLS asks for it, and puts a property of its own in its place, one tick before it looks for what was
 * read already.
 */
export class ReadingProperty {
  /** Whether Node has started it. */
  value = true;

  constructor(
    private readonly handle: NativeHandle,
    private readonly taken: () => void,
  ) {}

  put(): void {
    Object.defineProperty(this.handle, 'reading', { get: this.get, set: this.set, configurable: true, enumerable: true });
  }

  /** Back to Node's, unless TLS has it. */
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
