/**
 * The socket calls for which the ring has no operation, or only a recent one. None of them waits.
 *
 * @module
 */

import type { Koffi, KoffiLibrary } from './koffi.js';
import type { SocketCalls } from './types.js';

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
