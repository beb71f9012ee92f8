/** The descriptors of this process. */

import { readdirSync, readlinkSync } from 'node:fs';

/** Returns the target of each descriptor: a path, `socket:[123]`, `anon_inode:[io_uring]`. */
export function descriptorTargets(): string[] {
  return readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The descriptor that the directory was read with is closed by now.
      return '';
    }
  });
}
