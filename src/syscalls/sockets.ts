/**
 * The socket calls for which the ring has no operation, or only a recent one. None of them waits.
 *
 * @module
 */

import type { Koffi, KoffiLibrary } from './koffi.js';
import type { SocketCalls } from './types.js';

/**
 * The size of a mapping that is freed before the first socket. From then on, glibc keeps up to twice
 * as much free memory at the top of its heap. 31 MiB, the most that glibc adapts to, is as fast, and
 * takes more memory: 1.09 of Node's for a client of MySQL instead of 1.04.
 */
const FREED_MAPPING = 4 * 1024 * 1024;

/** Creates the socket calls, by means of libc. */
export function socketCalls(koffi: Koffi, libc: KoffiLibrary): SocketCalls {
  const call = (name: string, parameters: string[]) => {
    const fn = libc.func(name, 'int', parameters) as (...args: unknown[]) => number;
    return (...args: unknown[]) => {
      const result = fn(...args);
      return result < 0 ? -koffi.errno() : result;
    };
  };
  const socket = call('socket', ['int', 'int', 'int']);
  const socketpair = call('socketpair', ['int', 'int', 'int', 'void *']);
  const bind = call('bind', ['int', 'void *', 'uint32_t']);
  const listen = call('listen', ['int', 'int']);
  const shutdown = call('shutdown', ['int', 'int']);
  const setsockopt = call('setsockopt', ['int', 'int', 'int', 'void *', 'uint32_t']);
  const unlink = call('unlink', ['str']);
  const nameToIndex = libc.func('if_nametoindex', 'uint32_t', ['str']) as (name: string) => number;
  /**
   * Declares a call that writes up to a given length, and stores the actual length in its place.
   */
  const filling = (name: string, parameters: string[]) => {
    const fn = call(name, [...parameters, 'void *', 'void *']);
    const length = new Uint32Array(1);
    return (numbers: readonly number[], target: Uint8Array) => {
      length[0] = target.length;
      const result = fn(...numbers, target, length);
      return result < 0 ? result : (length[0] as number);
    };
  };
  const getsockname = filling('getsockname', ['int']);
  const getpeername = filling('getpeername', ['int']);
  const getsockopt = filling('getsockopt', ['int', 'int', 'int']);
  keepFreeMemory(libc);
  return {
    socket: (family, type, protocol) => socket(family, type, protocol),
    socketpair: (family, type, protocol, ends) => socketpair(family, type, protocol, ends),
    bind: (fd, address) => bind(fd, address, address.length),
    listen: (fd, backlog) => listen(fd, backlog),
    shutdown: (fd, how) => shutdown(fd, how),
    getsockname: (fd, address) => getsockname([fd], address),
    getpeername: (fd, address) => getpeername([fd], address),
    getsockopt: (fd, level, option, value) => getsockopt([fd, level, option], value),
    setsockopt: (fd, level, option, value) => setsockopt(fd, level, option, value, value.length),
    unlink: (path) => unlink(path),
    interfaceIndex: (name) => nameToIndex(name) || -koffi.errno(),
  };
}

/**
 * Makes glibc keep the memory that Node frees in bursts, during garbage collection, and needs again
 * right away.
 *
 * glibc trims the top of its heap beyond twice the size of the largest mapping that was ever freed.
 * Many Node.js programs have freed a large one. Where none has been freed, each 64 KiB that a
 * socket reads causes 16 new page faults: 325,000 faults instead of 80 for 1 GiB, and a third of
 * the speed. Files gain nothing by it, and threads keep more memory, too: 4 MiB in a program that
 * renders pages.
 */
function keepFreeMemory(libc: KoffiLibrary): void {
  const malloc = libc.func('malloc', 'uintptr_t', ['size_t']) as (size: number) => number;
  const free = libc.func('free', 'void', ['uintptr_t']) as (address: number) => void;
  free(malloc(FREED_MAPPING));
}
