/**
 * Functions for all sockets: creation, closing, addresses, and errors with an address.
 *
 * @module
 */

import { op, type SocketAddress, type Uring } from '../engine/index.js';
import { checkNetAccess, decodeAddress, encodeAddress } from '../engine/internal.js';
import { FAMILIES, SO_LINGER, SOCK_CLOEXEC, SOCKADDR_SIZE, SOCKET_TYPES, SOL_SOCKET } from '../linux.js';
import { type SocketCalls, UringError } from '../syscalls/index.js';

export type { SocketAddress } from '../engine/index.js';

/** An error of the kernel that concerns an address. */
export type AddressError = UringError & { readonly address?: string; readonly port?: number };

/**
 * Creates the error of a call that concerns an address, as Node reports it: with `address` and
 * `port`.
 */
export function addressError(res: number, syscall: string, address: SocketAddress): AddressError {
  const error = new UringError(res, syscall, textOf(address));
  return Object.assign(
    error,
    address.family === 'unix' ? { address: address.path } : { address: address.address, port: address.port },
  );
}

/** Formats an address on one line. */
export function textOf(address: SocketAddress): string {
  if (address.family === 'unix') return address.path.replace(/^\0/, '@');
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

/**
 * Creates a socket.
 *
 * @throws UringError EMFILE, ENFILE, EAFNOSUPPORT.
 */
export function createSocket(
  calls: SocketCalls,
  family: SocketAddress['family'],
  type: keyof typeof SOCKET_TYPES = 'stream',
): number {
  checkNetAccess();
  const fd = calls.socket(FAMILIES[family], SOCKET_TYPES[type] | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new UringError(fd, 'socket');
  return fd;
}

/** Creates two connected Unix stream sockets. */
export function createPair(calls: SocketCalls): [number, number] {
  const ends = new Int32Array(2);
  const result = calls.socketpair(FAMILIES.unix, SOCKET_TYPES.stream | SOCK_CLOEXEC, 0, ends);
  if (result < 0) throw new UringError(result, 'socketpair');
  return [ends[0] as number, ends[1] as number];
}

/** The address that makes the kernel choose a name for a Unix socket: the family alone. */
const AUTOBIND = Uint8Array.of(FAMILIES.unix, 0);

/** Binds a socket to an address. bind(2). */
export function bindTo(calls: SocketCalls, fd: number, address: SocketAddress): void {
  const isNameless = address.family === 'unix' && address.path === '';
  const result = calls.bind(fd, isNameless ? AUTOBIND : encodeAddress(address));
  if (result < 0) throw addressError(result, 'bind', address);
}

/** Closes a bound socket and unlinks its path. Never rejects. */
export async function closeBound(uring: Uring, fd: number, address: SocketAddress): Promise<void> {
  if (address.family === 'unix' && !/^(\0|$)/.test(address.path)) {
    // Immediately, as Node does. The path may be gone already.
    uring.sockets.calls.unlink(address.path);
  }
  await closeSocket(uring, fd);
}

/**
 * Closes a socket on which no operation is pending. With SO_LINGER, closing can block, so a kernel
 * worker does it. Never rejects.
 */
export async function closeSocket(uring: Uring, fd: number): Promise<void> {
  const closing = op.closeFile(fd);
  // The kernel has closed the descriptor even if there is an error.
  await uring.closeOwned(fd, lingers(uring, fd) ? closing.inWorker() : closing).catch(() => undefined);
}

/** Returns whether closing waits for data that is not yet sent or acknowledged. */
function lingers(uring: Uring, fd: number): boolean {
  if (uring.closed) return false;
  // struct linger: l_onoff, l_linger.
  const value = new Int32Array(2);
  return (
    uring.sockets.calls.getsockopt(fd, SOL_SOCKET, SO_LINGER, new Uint8Array(value.buffer)) > 0 &&
    value[0] !== 0 &&
    value[1] !== 0
  );
}

/**
 * Returns the local address of a socket, or that of its peer; `undefined` if it is not, or no
 * longer, connected.
 */
export function addressOf(calls: SocketCalls, fd: number, whose: 'getsockname' | 'getpeername'): SocketAddress | undefined {
  const bytes = new Uint8Array(SOCKADDR_SIZE);
  const length = calls[whose](fd, bytes);
  return length < 0 ? undefined : decodeAddress(new DataView(bytes.buffer), length);
}
