/** The descriptors of this process. */

import { readdirSync, readlinkSync } from 'node:fs';

/** What each of them is of: a path, `socket:[123]`, `anon_inode:[io_uring]`. */
export function descriptorTargets(): string[] {
  return readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The one that the directory was read with.
      return '';
    }
  });
}
