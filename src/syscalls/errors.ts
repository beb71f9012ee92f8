/**
 * System errors: `UringError` for a call or an operation that failed, `UringUnavailableError` when
 * no ring can be created. They are created only here, in the shape of Node's own system errors.
 *
 * @module
 */

import { Errno, errnoName, errnoSentence } from './errno.js';
import type { HostFacts } from './types.js';

/**
 * The error of a system call or an operation of a ring that failed in the kernel.
 *
 * It has the shape of Node's system errors: `errno` is negative, `code` is the name, `syscall` is
 * the failed call, and the message reads `ENOENT: no such file or directory, openat`.
 */
export class UringError extends Error {
  /** The error number, negative: -2 for ENOENT. */
  readonly errno: number;
  /** The error name: `'ENOENT'`. */
  readonly code: string;
  /** The system call or operation that failed: `'io_uring_enter'`, `'read'`. */
  readonly syscall: string;
  /** The path that the call was given, if any. */
  declare readonly path?: string;
  /** The second path, if the call was given two. */
  declare readonly dest?: string;

  /**
   * @param errno the error number, positive or negative.
   * @param syscall the call or operation that failed.
   * @param detail added to the message in parentheses, for information beyond the number.
   * @param paths the paths that the call was given.
   */
  constructor(errno: number, syscall: string, detail?: string, paths: readonly string[] = []) {
    const number = -Math.abs(errno);
    const code = errnoName(number);
    const about = paths.length > 0 ? ` ${paths.map((path) => `'${path}'`).join(' -> ')}` : '';
    super(`${code}: ${errnoSentence(number)}, ${syscall}${about}${detail ? ` (${detail})` : ''}`);
    this.errno = number;
    this.code = code;
    this.syscall = syscall;
    // As in Node: the properties exist only where they have a value.
    const [path, dest] = paths;
    if (path !== undefined) this.path = path;
    if (dest !== undefined) this.dest = dest;
  }

  override get name(): string {
    return 'UringError';
  }
}

/**
 * Creates an error that no call has caused directly. The frames of its stack would show only the
 * event loop, and collecting them takes longer than everything else at the end of a connection.
 */
export function withoutFrames<E extends Error>(make: () => E): E {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** The reason why no ring can be created. */
export type UnavailableReason =
  /** The kernel has no io_uring (ENOSYS): it is too old, or was built without it. */
  | 'no-kernel-support'
  /** `kernel.io_uring_disabled` is 2, or it is 1 and the process is not in the group. */
  | 'sysctl'
  /**
   * EPERM or a similar error although the sysctl allows it: a seccomp profile (Docker, containerd,
   * systemd).
   */
  | 'seccomp'
  /** The kernel refused for a reason that is not in this list. */
  | 'refused'
  /** `URING_DISABLE=1` is set. */
  | 'disabled'
  /** Not Linux. */
  | 'platform'
  /** koffi, the foreign function interface, could not be loaded. */
  | 'koffi';

/**
 * io_uring is not available. `message` contains the reason and the remedy, in one sentence each;
 * the two are also available separately as `reasonText` and `remedy`. `code` is always
 * `'ERR_URING_UNAVAILABLE'`.
 */
export class UringUnavailableError extends Error {
  readonly code = 'ERR_URING_UNAVAILABLE';
  /** The reason, as one of the known ones. */
  readonly reason: UnavailableReason;
  /** The reason, as a sentence. */
  readonly reasonText: string;
  /** The remedy, as a sentence. */
  readonly remedy: string;
  /** The result of io_uring_setup(2) (negative), if it was called at all. */
  readonly errno: number | undefined;

  constructor(explanation: Explanation, options?: { errno?: number; cause?: unknown }) {
    super(
      `io_uring is not available: ${explanation.text} ${explanation.remedy}`,
      options?.cause === undefined ? undefined : { cause: options.cause },
    );
    this.reason = explanation.reason;
    this.reasonText = explanation.text;
    this.remedy = explanation.remedy;
    this.errno = options?.errno === undefined ? undefined : -Math.abs(options.errno);
  }

  override get name(): string {
    return 'UringUnavailableError';
  }
}

/** A reason with its two sentences. */
export interface Explanation {
  readonly reason: UnavailableReason;
  readonly text: string;
  readonly remedy: string;
}

/**
 * Explains `URING_DISABLE=1`, the switch that disables the library without a change to the program.
 */
export function explainDisabled(): Explanation {
  return {
    reason: 'disabled',
    text: 'The environment variable URING_DISABLE is set.',
    remedy: 'Unset URING_DISABLE to use io_uring again.',
  };
}

/** Explains a system other than Linux. */
export function explainPlatform(platform: string): Explanation {
  return {
    reason: 'platform',
    text: `It is a Linux interface and this is ${platform}.`,
    remedy: 'Run the program on Linux 5.11 or later, or test it with the simulated kernel of "uring/testing".',
  };
}

/** Explains that koffi did not load. */
export function explainKoffi(cause: unknown): Explanation {
  const firstLine = String(cause instanceof Object && 'message' in cause ? cause.message : cause).split('\n', 1)[0];
  return {
    reason: 'koffi',
    text: `The foreign function interface koffi could not be loaded (${firstLine}).`,
    remedy: 'Install it with its binary for this system ("npm install koffi", without --omit=optional).',
  };
}

/** Explains a kernel that has io_uring, but lacks a feature that a part of the library requires. */
export function explainMissing(what: string, since: string, host: HostFacts): Explanation {
  return {
    reason: 'no-kernel-support',
    text: `The kernel (${host.kernelRelease}) has no ${what}.`,
    remedy: `Use Linux ${since} or later.`,
  };
}

/** Explains an errno of io_uring_setup(2) on a machine with the given facts. */
export function explainSetupErrno(errno: number, host: HostFacts): Explanation {
  const number = Math.abs(errno);
  if (number === Errno.ENOSYS) {
    return {
      reason: 'no-kernel-support',
      text: `The kernel (${host.kernelRelease}) answers ENOSYS: it is older than 5.1, was built without CONFIG_IO_URING, or a sandbox hides the call.`,
      remedy: 'Use Linux 5.11 or later with io_uring built in, or a sandbox that passes the system calls 425 to 427.',
    };
  }
  if (number === Errno.EPERM && host.ioUringDisabled === 2) {
    return {
      reason: 'sysctl',
      text: 'The sysctl kernel.io_uring_disabled is 2: no process may create a ring.',
      remedy: 'Have an administrator run "sysctl kernel.io_uring_disabled=0".',
    };
  }
  if (number === Errno.EPERM && host.ioUringDisabled === 1) {
    return {
      reason: 'sysctl',
      text: `The sysctl kernel.io_uring_disabled is 1: only group ${host.ioUringGroup ?? 'kernel.io_uring_group'} and CAP_SYS_ADMIN may create a ring.`,
      remedy: 'Add the user to that group (sysctl kernel.io_uring_group), or run "sysctl kernel.io_uring_disabled=0".',
    };
  }
  if (number === Errno.EPERM || number === Errno.EACCES || number === Errno.EOPNOTSUPP) {
    return {
      reason: 'seccomp',
      text: `The kernel answers ${errnoName(number)} although no sysctl forbids io_uring: a seccomp profile or security module does, as the default profiles of Docker and containerd do${host.seccompMode === 2 ? ' (this process has a seccomp filter)' : ''}.`,
      remedy:
        'Allow io_uring_setup, io_uring_enter and io_uring_register in the profile ("docker run --security-opt seccomp=profile.json").',
    };
  }
  return {
    reason: 'refused',
    text: `The kernel (${host.kernelRelease}) answers ${errnoName(number)}: ${errnoSentence(number)}.`,
    remedy: 'Run "npx uring doctor" for what this machine offers, and report the answer if it looks wrong.',
  };
}

/**
 * Creates the error for a refused io_uring_setup(2): {@link UringUnavailableError}, except for the
 * resource limits ENOMEM, EMFILE, and ENFILE, which are {@link UringError}: io_uring is available,
 * but there is no room for one more ring.
 */
export function setupError(errno: number, host: HostFacts): UringError | UringUnavailableError {
  const number = Math.abs(errno);
  if (number === Errno.ENOMEM) {
    const soft = host.memlock?.soft;
    const limit = soft === undefined ? 'unknown' : soft === Number.POSITIVE_INFINITY ? 'unlimited' : `${soft} bytes`;
    return new UringError(number, 'io_uring_setup', `RLIMIT_MEMLOCK is ${limit}; most kernels charge rings to it`);
  }
  if (number === Errno.EMFILE || number === Errno.ENFILE) return new UringError(number, 'io_uring_setup');
  return new UringUnavailableError(explainSetupErrno(number, host), { errno: number });
}
