/**
 * Errors as `node:net` has them.
 *
 * @module
 */

import { getSystemErrorName } from 'node:util';
import { withoutFrames } from '../syscalls/index.js';

/** What Node adds to an Error. */
interface Details {
  readonly code: string;
  readonly errno?: number;
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;
}

/** An error of a system call on a socket. */
export function errnoException(errno: number, syscall: string): Error {
  const code = getSystemErrorName(errno);
  return Object.assign(
    withoutFrames(() => new Error(`${syscall} ${code}`)),
    { errno, code, syscall },
  );
}

/** An error of a system call about an address. */
export function addressException(errno: number, syscall: string, address: string, port = 0): Error {
  const code = getSystemErrorName(errno);
  const where = port === 0 ? address : `${address}:${port}`;
  const details: Details = { errno, code, syscall, address, ...(port === 0 ? {} : { port }) };
  return Object.assign(new Error(`${syscall} ${code} ${where}`), details);
}

/** Error classes that Node's own codes belong to. */
type ErrorClass = new (message: string) => Error;

/** An error with one of Node's codes. */
function coded(Base: ErrorClass, code: string, message: string): Error {
  const error = new Base(message);
  Object.defineProperty(error, 'name', { value: `${error.name} [${code}]`, configurable: true, writable: true });
  // The name with the code is in the stack only.
  void error.stack;
  Object.defineProperty(error, 'name', { value: Base.name, configurable: true, writable: true });
  return Object.assign(error, { code });
}

export const socketClosed = (): Error => coded(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed');

export const closedBeforeConnection = (): Error =>
  coded(Error, 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION', 'Socket closed before the connection was established');

export const connectionTimeout = (): Error => coded(Error, 'ERR_SOCKET_CONNECTION_TIMEOUT', 'Socket connection timeout');

export const missingArgs = (): Error =>
  coded(TypeError, 'ERR_MISSING_ARGS', 'The "options" or "port" or "path" argument must be specified');

export const invalidAddress = (address: unknown): Error =>
  coded(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${address}`);

export const invalidFamily = (family: unknown, host: string, port: number): Error =>
  Object.assign(coded(RangeError, 'ERR_INVALID_ADDRESS_FAMILY', `Invalid address family: ${family} ${host}:${port}`), {
    host,
    port,
  });

export const invalidDescriptorType = (): Error =>
  coded(TypeError, 'ERR_INVALID_FD_TYPE', 'Unsupported fd type: only stream sockets');

/** A port as `net` takes it. @throws RangeError ERR_SOCKET_BAD_PORT. */
export function checkPort(port: unknown, name: string): number {
  const text = typeof port === 'string' && port.trim() !== '';
  const value = Number(port);
  if ((typeof port === 'number' || text) && Number.isInteger(value) && value >= 0 && value <= 0xffff) return value;
  const received = typeof port === 'string' ? `type string ('${port}')` : `type ${typeof port} (${String(port)})`;
  throw coded(RangeError, 'ERR_SOCKET_BAD_PORT', `${name} should be >= 0 and < 65536. Received ${received}.`);
}
