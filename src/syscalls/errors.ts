/**
 * The errors of the system: `UringError` for a call or an operation that failed, `UringUnavailableError` for a ring that can't
 * be had. They are built here and nowhere else, in the shape of Node's own system errors.
 *
 * @module
 */

import { Errno, errnoName, errnoSentence } from './errno.js';
import type { HostFacts } from './types.js';

/**
 * A system call, or an operation of a ring, that the kernel answered with an error.
 *
 * Shaped as Node shapes its system errors: `errno` is negative, `code` is the name, `syscall` says what failed, and the message
 * reads `ENOENT: no such file or directory, openat`.
 */
export class UringError extends Error {
  /** The error's number, negative: -2 for ENOENT. */
  readonly errno: number;
  /** The error's name: `'ENOENT'`. */
  readonly code: string;
  /** The system call or operation that failed: `'io_uring_enter'`, `'read'`. */
  readonly syscall: string;
  /** The path that it was about, if there was one. */
  declare readonly path?: string;
  /** Of two paths, the second. */
  declare readonly dest?: string;

  /**
   * @param errno the error's number, positive or negative.
   * @param syscall what failed.
   * @param detail added to the message in brackets, for what the number alone does not say.
   * @param paths what it was about.
   */
  constructor(errno: number, syscall: string, detail?: string, paths: readonly string[] = []) {
    const number = -Math.abs(errno);
    const code = errnoName(number);
    const about = paths.length > 0 ? ` ${paths.map((path) => `'${path}'`).join(' -> ')}` : '';
    super(`${code}: ${errnoSentence(number)}, ${syscall}${about}${detail ? ` (${detail})` : ''}`);
    this.errno = number;
    this.code = code;
    this.syscall = syscall;
    // As Node's: properties that are there only where they say something.
    const [path, dest] = paths;
    if (path !== undefined) this.path = path;
    if (dest !== undefined) this.dest = dest;
  }

  override get name(): string {
    return 'UringError';
  }
}

/**
 * Makes an error that nobody's call has caused just now: the frames of its stack would show the event loop at work, and take longer than everything
 * else about the end of a connection.
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

/** Why a ring cannot be had. */
export type UnavailableReason =
  /** The kernel has no io_uring (ENOSYS): too old, or built without. */
  | 'no-kernel-support'
  /** `kernel.io_uring_disabled` is 1 and the process is not in the group, or it is 2. */
  | 'sysctl'
  /** EPERM or a like answer while the sysctl allows it: a seccomp profile (Docker, containerd, systemd). */
  | 'seccomp'
  /** The kernel refused for a reason that this table does not know. */
  | 'refused'
  /** `URING_DISABLE=1` is set. */
  | 'disabled'
  /** Not Linux. */
  | 'platform'
  /** koffi, the foreign function interface, could not be loaded. */
  | 'koffi';

/**
 * There is no io_uring to be had here. `message` says why and what to do about it, in one sentence each; the two stand alone
 * in `reasonText` and `remedy`. `code` is always `'ERR_URING_UNAVAILABLE'`.
 */
export class UringUnavailableError extends Error {
  readonly code = 'ERR_URING_UNAVAILABLE';
  /** Which of the known reasons it is. */
  readonly reason: UnavailableReason;
  /** The cause, as a sentence. */
  readonly reasonText: string;
  /** What to do, as a sentence. */
  readonly remedy: string;
  /** The number io_uring_setup(2) returned (negative), where the kernel was asked at all. */
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

/** `URING_DISABLE=1`, the switch that turns the library off without touching the program. */
export function explainDisabled(): Explanation {
  return {
    reason: 'disabled',
    text: 'The environment variable URING_DISABLE is set.',
    remedy: 'Unset URING_DISABLE to use io_uring again.',
  };
}

/** A system other than Linux. */
export function explainPlatform(platform: string): Explanation {
  return {
    reason: 'platform',
    text: `It is a Linux interface and this is ${platform}.`,
    remedy: 'Run the program on Linux 5.11 or later, or test it with the simulated kernel of "uring/testing".',
  };
}

/** koffi did not load. */
export function explainKoffi(cause: unknown): Explanation {
  const firstLine = String(cause instanceof Object && 'message' in cause ? cause.message : cause).split('\n', 1)[0];
  return {
    reason: 'koffi',
    text: `The foreign function interface koffi could not be loaded (${firstLine}).`,
    remedy: 'Install it with its binary for this system ("npm install koffi", without --omit=optional).',
  };
}

/** A kernel that has io_uring, but not what a part of the library is built on. */
export function explainMissing(what: string, since: string, host: HostFacts): Explanation {
  return {
    reason: 'no-kernel-support',
    text: `The kernel (${host.kernelRelease}) has no ${what}.`,
    remedy: `Use Linux ${since} or later.`,
  };
}

/** What an errno of io_uring_setup(2) means on a machine of which these facts are known. */
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
 * The error for a refused io_uring_setup(2): {@link UringUnavailableError}, except for the resource limits
 * ENOMEM, EMFILE and ENFILE, which are {@link UringError}: the ring exists, there is only no room for one more.
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
