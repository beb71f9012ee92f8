/** A file as the transfers see it, for tests without an `OpenFile`. */

import type { TransferFile } from '../../src/engine/internal.js';
import { UringError } from '../../src/syscalls/index.js';

/**
 * Returns a file with offsets whose own position cannot be claimed, unless the test overrides this.
 */
export function transferFile(fd: number, traits: Partial<TransferFile> = {}): TransferFile {
  return {
    fd,
    sqeFlags: 0,
    hasOffsets: true,
    appends: false,
    canTry: true,
    claim: () => -1,
    unclaim: () => undefined,
    error: (res, syscall) => new UringError(res, syscall),
    elsewhere: () => undefined,
    ref: () => undefined,
    unref: () => undefined,
    ...traits,
  };
}
