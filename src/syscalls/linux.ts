/**
 * The shim on Linux: libc through koffi.
 *
 * Every function has a fixed prototype of anonymous types (koffi's named types are global to the
 * process and clash when the module is evaluated twice). errno is read right after the call, before
 * anything else can change it.
 *
 * @module
 */

import { isMainThread } from 'node:worker_threads';
import { F_DUPFD_CLOEXEC, F_GETFL, MADV_DONTNEED, O_CLOEXEC, O_NONBLOCK } from '../linux.js';
import { type CachedCalls, cachedCalls } from './cached.js';
import { explainKoffi, explainPlatform, UringUnavailableError } from './errors.js';
import { eventLoopWakers } from './event-loop-waker.js';
import { readHostFacts } from './host.js';
import { type Koffi, type KoffiLibrary, loadKoffi } from './koffi.js';
import { socketCalls } from './sockets.js';
import type { SocketCalls, Syscalls } from './types.js';

// The same numbers on x86-64, arm64, riscv64, loong64 and ppc64.
const SYS_IO_URING_SETUP = 425;
const SYS_IO_URING_ENTER = 426;
const SYS_IO_URING_REGISTER = 427;

/**
 * Space for `struct statfs`, in words. The first one is the type (a long, of which 32 bits are
 * used).
 */
const STATFS_WORDS = 64;

let instance: Syscalls | undefined;
let cached: CachedCalls | undefined;

/**
 * Returns the shim of this thread, creating it on first use.
 *
 * @throws UringUnavailableError when this is not Linux, or koffi cannot be loaded.
 */
export function linuxSyscalls(): Syscalls {
  instance ??= createLinuxSyscalls();
  return instance;
}

/**
 * Returns the calls of this thread that use only cached data; `undefined` where libc is too old for
 * them.
 *
 * @throws as {@link linuxSyscalls}.
 */
export function linuxCachedCalls(): CachedCalls | undefined {
  linuxSyscalls();
  return cached;
}

function createLinuxSyscalls(): Syscalls {
  if (process.platform !== 'linux') throw new UringUnavailableError(explainPlatform(process.platform));
  let koffi: Koffi;
  let libc: KoffiLibrary;
  try {
    koffi = loadKoffi();
    // The executable itself: the libc that Node was linked with, glibc or musl.
    libc = koffi.load(null);
  } catch (cause) {
    throw new UringUnavailableError(explainKoffi(cause), { cause });
  }

  const errno = koffi.errno;
  const call = (name: string, result: string, parameters: string[]) =>
    libc.func(name, result, parameters) as (...args: unknown[]) => number;

  // syscall() returns a long, but the results of these calls are ints: eax holds all of it, and
  // koffi returns an int faster.
  const setup = call('syscall', 'int', ['int', 'uint32_t', 'void *']);
  const register = call('syscall', 'int', ['int', 'int', 'uint32_t', 'uintptr_t', 'uint32_t']);
  // Two prototypes for one call. Without an argument the kernel does not read argsz, so the hot
  // path passes six values, all small and all in registers. The seventh would be passed on the
  // stack and cost a tenth of the call.
  const enterBare = call('syscall', 'int', ['int', 'int', 'uint32_t', 'uint32_t', 'uint32_t', 'int']);
  const enterWithArgument = call('syscall', 'int', ['int', 'int', 'uint32_t', 'uint32_t', 'uint32_t', 'uintptr_t', 'size_t']);
  const mmap = call('mmap', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']);
  const munmap = call('munmap', 'int', ['uintptr_t', 'size_t']);
  const close = call('close', 'int', ['int']);
  const eventfd = call('eventfd', 'int', ['uint32_t', 'int']);
  const pipe2 = call('pipe2', 'int', ['void *', 'int']);
  const lseek = call('lseek', 'int64_t', ['int', 'int64_t', 'int']);
  const fcntl = call('fcntl', 'int', ['int', 'int', 'int']);
  const fstatfs = call('fstatfs', 'int', ['int', 'void *']);
  const statfsBuffer = new Uint32Array(STATFS_WORDS);
  // Through libc: Node's own functions check the permission model.
  const access = call('access', 'int', ['str', 'int']);
  const readlink = call('readlink', 'intptr_t', ['str', 'void *', 'size_t']);
  const linkBuffer = Buffer.alloc(64);
  const madvise = call('madvise', 'int', ['uintptr_t', 'size_t', 'int']);
  const addHook = threadEndHooks(libc);
  let sockets: SocketCalls | undefined;
  const addressOf = (view: ArrayBufferView) => {
    // A small typed array may live inside the JavaScript heap, where it moves. Accessing its buffer
    // moves it out of the heap.
    void view.buffer;
    return Number(koffi.address(view));
  };
  cached = cachedCalls(koffi, libc, addressOf);
  const openWaker = eventLoopWakers(koffi, libc, addHook, { eventfd, pipe2, close });

  return {
    name: 'linux',

    setup(entries, params) {
      const result = setup(SYS_IO_URING_SETUP, entries, params);
      return result < 0 ? -errno() : result;
    },

    enter(fd, toSubmit, minComplete, flags, arg, argSize) {
      const result =
        arg === 0 && argSize === 0
          ? enterBare(SYS_IO_URING_ENTER, fd, toSubmit, minComplete, flags, 0)
          : enterWithArgument(SYS_IO_URING_ENTER, fd, toSubmit, minComplete, flags, arg, argSize);
      return result < 0 ? -errno() : result;
    },

    register(fd, opcode, arg, count) {
      const result = register(SYS_IO_URING_REGISTER, fd, opcode, arg, count);
      return result < 0 ? -errno() : result;
    },

    mmap(address, length, protection, flags, fd, offset) {
      const result = mmap(address, length, protection, flags, fd, offset);
      return result === -1 ? -errno() : result;
    },

    munmap(address, length) {
      const result = munmap(address, length);
      return result < 0 ? -errno() : result;
    },

    close(fd) {
      const result = close(fd);
      return result < 0 ? -errno() : result;
    },

    duplicate(fd) {
      const result = fcntl(fd, F_DUPFD_CLOEXEC, 0);
      return result < 0 ? -errno() : result;
    },

    eventfd(initial, flags) {
      const result = eventfd(initial, flags);
      return result < 0 ? -errno() : result;
    },

    pipe(ends) {
      const result = pipe2(ends, O_CLOEXEC | O_NONBLOCK);
      return result < 0 ? -errno() : result;
    },

    get sockets() {
      // Only now: a program that works with files does not need them.
      sockets ??= socketCalls(koffi, libc);
      return sockets;
    },

    openWaker: openWaker,

    seek(fd, offset, whence) {
      const result = lseek(fd, offset, whence);
      return result < 0 ? -errno() : result;
    },

    statusFlags(fd) {
      const result = fcntl(fd, F_GETFL, 0);
      return result < 0 ? -errno() : result;
    },

    fileSystemType(fd) {
      const result = fstatfs(fd, statfsBuffer);
      return result < 0 ? -errno() : (statfsBuffer[0] as number);
    },

    discard(address, length) {
      madvise(address, length, MADV_DONTNEED);
    },

    addressOf,

    viewOf(address, length) {
      return koffi.view(BigInt(address), length);
    },

    threadId() {
      const length = readlink('/proc/thread-self', linkBuffer, linkBuffer.length);
      return Number(linkBuffer.toString('latin1', 0, length).split('/').at(-1));
    },

    isThreadAlive(threadId) {
      return access(`/proc/self/task/${threadId}`, 0) === 0;
    },

    closeAtThreadEnd: addHook,

    host: readHostFacts,
  };
}

/**
 * Uses `node::AddEnvironmentCleanupHook` with libc's `close` as the function, which is the only
 * code that is certain to run when a worker is terminated. The names are mangled C++ names, the
 * same from Node 20 to 26. Where a build lacks them, the descriptor of a terminated worker stays
 * open until the process ends, as any descriptor that Node does not track would.
 */
function threadEndHooks(libc: KoffiLibrary): Syscalls['closeAtThreadEnd'] {
  const hook = ['uintptr_t', 'uintptr_t', 'uintptr_t'];
  try {
    const currentIsolate = libc.func('_ZN2v87Isolate10GetCurrentEv', 'uintptr_t', []);
    const add = libc.func('_ZN4node25AddEnvironmentCleanupHookEPN2v87IsolateEPFvPvES3_', 'void', hook);
    const remove = libc.func('_ZN4node28RemoveEnvironmentCleanupHookEPN2v87IsolateEPFvPvES3_', 'void', hook);
    const close = libc.symbol('close');
    // Node aborts the process when a hook is added twice. This would happen when other code closes
    // a ring's descriptor without the ring's knowledge and the next ring gets the same number.
    const hooked = new Set<number>();
    // The end of the main thread is the end of the process, which closes everything.
    if (isMainThread) return () => nothing;
    return (fd) => {
      if (hooked.has(fd)) return nothing;
      const isolate = currentIsolate();
      add(isolate, close, fd);
      hooked.add(fd);
      return () => {
        remove(isolate, close, fd);
        hooked.delete(fd);
      };
    };
  } catch {
    return () => nothing;
  }
}

function nothing(): void {}

// koffi aborts the process when a worker is terminated while koffi is loaded or declares a
// function: from then on its calls into V8 fail, and it handles no failures. So a worker does this
// when the module is imported, before any other thread can know that the worker runs.
if (!isMainThread) {
  try {
    linuxSyscalls();
  } catch {
    // The first use throws the error.
  }
}
