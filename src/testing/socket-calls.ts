/**
 * The socket calls that bypass the ring.
 *
 * @module
 */

import { Errno, type SocketCalls } from '../syscalls/index.js';
import { SimulatedSocket } from './files/sockets.js';
import type { KernelInternals } from './internals.js';

/**
 * Returns the socket calls of the simulated kernel.
 *
 * @param call counts a call, and makes it fail if a fault was injected.
 */
export function socketCalls(kernel: KernelInternals, call: (name: keyof SocketCalls, body: () => number) => number): SocketCalls {
  const withSocket = (name: keyof SocketCalls, fd: number, body: (socket: SimulatedSocket) => number) =>
    call(name, () => {
      const file = kernel.file(fd);
      if (file === undefined) return -Errno.EBADF;
      return file instanceof SimulatedSocket ? body(file) : -Errno.ENOTSOCK;
    });
  /** Copies as much as fits; the result is the full length. */
  const fill = (target: Uint8Array, value: Uint8Array) => {
    target.set(value.subarray(0, target.length));
    return value.length;
  };
  return {
    socket: (family, type, protocol) =>
      call('socket', () => {
        const socket = kernel.network.create(family, type, protocol);
        return typeof socket === 'number' ? socket : kernel.install(socket);
      }),
    socketpair: (family, type, protocol, ends) =>
      call('socketpair', () => {
        const [one, other] = [kernel.network.create(family, type, protocol), kernel.network.create(family, type, protocol)];
        if (typeof one === 'number' || typeof other === 'number') return one as number;
        if (family !== 1) return -Errno.EOPNOTSUPP;
        one.pair(other);
        ends.set([kernel.install(one), kernel.install(other)]);
        return 0;
      }),
    bind: (fd, address) => withSocket('bind', fd, (socket) => socket.bind(address)),
    listen: (fd, backlog) => withSocket('listen', fd, (socket) => socket.listen(backlog)),
    shutdown: (fd, how) => withSocket('shutdown', fd, (socket) => socket.shutdown(how)),
    getsockname: (fd, address) => withSocket('getsockname', fd, (socket) => fill(address, socket.ownAddress)),
    getpeername: (fd, address) =>
      withSocket('getpeername', fd, (socket) => (socket.hasPeer ? fill(address, socket.peerAddress) : -Errno.ENOTCONN)),
    getsockopt: (fd, level, option, value) =>
      withSocket('getsockopt', fd, (socket) => Math.min(value.length, fill(value, socket.getOption(level, option)))),
    setsockopt: (fd, level, option, value) =>
      withSocket('setsockopt', fd, (socket) => {
        if (value.length < 4) return -Errno.EINVAL;
        socket.setOption(level, option, value);
        return 0;
      }),
    unlink: (path) => call('unlink', () => kernel.files.unlink(kernel.files.root, path, 0)),
    interfaceIndex: (name) => call('interfaceIndex', () => (name === 'lo' ? 1 : -Errno.ENODEV)),
  };
}
