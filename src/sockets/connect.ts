/**
 * Connecting.
 *
 * @module
 */

import { AbortError, op, Uring } from '../engine/index.js';
import { Errno } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { checkInteger, checkOptions, invalidArgType, invalidArgValue } from '../validate.js';
import { Connection } from './connection.js';
import { type InternetAddress, literal, resolve } from './resolve.js';
import { addressError, bindTo, createPair, createSocket, type SocketAddress } from './socket.js';
import { STREAM_OPTIONS } from './socket-options.js';
import { checkDescriptors, checkTarget, checkUring, TARGET_OPTIONS, type TargetOptions } from './target.js';

/** The options of {@link connect}: where and how. */
export interface ConnectOptions extends TargetOptions {
  /** The local address. */
  readonly localAddress?: string | undefined;
  /** The local port. */
  readonly localPort?: number | undefined;
  /** The address family: 4, 6, or 0 (the default) for both. */
  readonly family?: 0 | 4 | 6 | undefined;
  /** The timeout for the whole attempt, in milliseconds. */
  readonly timeout?: number | undefined;
  /**
   * The milliseconds to wait for each address of a name but the last before trying the next, as
   * Node does. Default 250.
   */
  readonly attemptTimeout?: number | undefined;
  /** Aborts the attempt. */
  readonly signal?: AbortSignal | undefined;
}

const CONNECT_OPTIONS = ['localAddress', 'localPort', 'family', 'timeout', 'attemptTimeout', 'signal', ...TARGET_OPTIONS];

const ATTEMPT_MS = 250;

/**
 * Connects to a TCP port or a Unix socket.
 *
 * The addresses of a name are tried one after another, alternating between IPv6 and IPv4, starting
 * with the resolver's first.
 *
 * @throws UringError ECONNREFUSED, ETIMEDOUT, ENETUNREACH, ENOENT, with `address` and `port`; an
 *   AggregateError of these when several addresses were tried; AbortError, whose cause is the
 *   signal's reason or a `TimeoutError`; errors of the resolver.
 * @throws TypeError, RangeError for invalid options.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  checkConnectOptions(options);
  const { path, host = 'localhost', port = 0, family = 0, timeout, signal, lookup, uring = Uring.default() } = options;
  uring.sockets.prepare(options.descriptors);
  if (signal?.aborted) throw new AbortError(signal.reason);
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort);
  const timer =
    timeout === undefined
      ? undefined
      : timers.setTimeout(
          () => controller.abort(new DOMException(`no connection within ${timeout} ms`, 'TimeoutError')),
          timeout,
        );
  try {
    if (path !== undefined) return await attempt(uring, options, { family: 'unix', path }, controller.signal);
    const found = await abortable(resolve(host, port, family, lookup), controller.signal);
    const addresses = family === 0 ? byTurns(found) : found.filter((one) => one.family === `IPv${family}`);
    return await firstOf(uring, options, addresses, controller.signal);
  } finally {
    timers.clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Creates two Unix stream sockets that are connected to each other. socketpair(2). */
export function socketpair(options: Pick<TargetOptions, 'uring' | 'descriptors'> = {}): [Connection, Connection] {
  checkOptions(options, ['uring', 'descriptors']);
  const { uring = Uring.default(), descriptors } = options;
  checkUring(uring);
  checkDescriptors(descriptors, true);
  uring.sockets.prepare(descriptors);
  const [one, other] = createPair(uring.sockets.calls);
  return [new Connection(uring, one, descriptors), new Connection(uring, other, descriptors)];
}

/** Tries addresses one after another. */
async function firstOf(
  uring: Uring,
  options: ConnectOptions,
  addresses: readonly InternetAddress[],
  signal: AbortSignal,
): Promise<Connection> {
  const errors: Error[] = [];
  for (const [index, address] of addresses.entries()) {
    const limit = index < addresses.length - 1 ? (options.attemptTimeout ?? ATTEMPT_MS) : undefined;
    try {
      return await attempt(uring, options, address, signal, limit);
    } catch (error) {
      if (signal.aborted) throw error;
      errors.push(error as Error);
    }
  }
  const [first] = errors;
  if (first === undefined) throw invalidArgValue('options.host', options.host, 'has no address of that family');
  if (errors.length === 1) throw first;
  const { code } = first as { code?: string };
  throw Object.assign(new AggregateError(errors, `${options.host}: ${errors.map(({ message }) => message).join('; ')}`), {
    code,
  });
}

async function attempt(
  uring: Uring,
  options: ConnectOptions,
  address: SocketAddress,
  signal: AbortSignal,
  timeoutMs?: number,
): Promise<Connection> {
  const { calls } = uring.sockets;
  const fd = createSocket(calls, address.family);
  try {
    STREAM_OPTIONS.apply(calls, fd, options);
    const local = localEnd(options, address);
    if (local !== undefined) bindTo(calls, fd, local);
    await uring.run(op.connect(fd, address, { signal, timeoutMs }).withError((res) => addressError(res, 'connect', address)));
    return new Connection(uring, fd, options.descriptors);
  } catch (error) {
    uring.closeDescriptor(fd);
    // The time limit of this address has passed, not that of the whole attempt.
    throw error instanceof AbortError && timeoutMs !== undefined && !signal.aborted
      ? addressError(-Errno.ETIMEDOUT, 'connect', address)
      : error;
  }
}

/** Returns the address to bind to before connecting, if one is requested. */
function localEnd({ localAddress, localPort = 0 }: ConnectOptions, { family }: SocketAddress): SocketAddress | undefined {
  if (family === 'unix' || (localAddress === undefined && localPort === 0)) return undefined;
  return literal(localAddress ?? (family === 'IPv6' ? '::' : '0.0.0.0'), localPort);
}

/** Sorts addresses so that IPv6 and IPv4 alternate, starting with the first. */
function byTurns(addresses: readonly InternetAddress[]): InternetAddress[] {
  const family = addresses[0]?.family;
  const [own, other] = [addresses.filter((one) => one.family === family), addresses.filter((one) => one.family !== family)];
  return own.flatMap((one, index) => [one, ...other.slice(index, index + 1)]).concat(other.slice(own.length));
}

/** Wraps a promise so that it is no longer waited for once the signal is aborted. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new AbortError(signal.reason));
    signal.addEventListener('abort', abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function checkConnectOptions(options: ConnectOptions): void {
  checkOptions(options, CONNECT_OPTIONS);
  const { port, path, localAddress, localPort, family, timeout, attemptTimeout, signal } = options;
  checkTarget(options);
  if (path === undefined) checkInteger('options.port', port, 1, 0xffff);
  if (localAddress !== undefined) literal(localAddress, 0);
  if (localPort !== undefined) checkInteger('options.localPort', localPort, 0, 0xffff);
  if (family !== undefined && family !== 0 && family !== 4 && family !== 6) {
    throw invalidArgValue('options.family', family, 'must be 0, 4 or 6');
  }
  if (timeout !== undefined) checkInteger('options.timeout', timeout, 0, 0x7fff_ffff);
  if (attemptTimeout !== undefined) checkInteger('options.attemptTimeout', attemptTimeout, 1, 0x7fff_ffff);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgType('options.signal', 'an instance of AbortSignal', signal);
  }
}
