/**
 * Connecting as `node:net` does it: the name is looked up, and its addresses are tried one after the other.
 *
 * @module
 */

import dns from 'node:dns';
import net, { isIP } from 'node:net';
import { AbortError, op, type Uring } from '../engine/index.js';
import { type InternetAddress, literal } from '../sockets/resolve.js';
import { bindTo, createSocket, type SocketAddress } from '../sockets/socket.js';
import { Errno, type UringError } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { invalidArgType } from '../validate.js';
import { addressException, checkPort, connectionTimeout, invalidAddress, invalidFamily } from './errors.js';

/** Addresses of a host. */
interface Found {
  readonly address: string;
  readonly family: number;
}

/** Who is told how it goes. */
export interface Progress {
  emit(event: string, ...args: unknown[]): boolean;
  autoSelectFamilyAttemptedAddresses: string[] | undefined;
}

/** Shorter times make no sense, says Node. */
const LEAST_ATTEMPT_MS = 10;

/** The way from options to a connected descriptor. */
export class Attempts {
  private readonly abort = new AbortController();

  constructor(
    private readonly uring: Uring,
    private readonly progress: Progress,
  ) {}

  /** Gives up. */
  cancel(): void {
    this.abort.abort();
  }

  /** Nobody wants the connection any more. */
  private get cancelled(): boolean {
    return this.abort.signal.aborted;
  }

  /** Connects to a Unix socket. @returns the descriptor. @throws Error with `address`. */
  toPath(path: string): Promise<number> {
    return this.attemptOne({ family: 'unix', path }, undefined, [path, undefined, undefined]);
  }

  /** Checks what says where to connect to. @throws TypeError, RangeError, as `node:net`. */
  static check(options: net.TcpSocketConnectOpts): void {
    const { localAddress, localPort, port, lookup, autoSelectFamily, autoSelectFamilyAttemptTimeout: timeout } = options;
    if (localAddress && !isIP(localAddress)) throw invalidAddress(localAddress);
    if (localPort && typeof localPort !== 'number') throw invalidArgType('options.localPort', 'of type number', localPort);
    if (port !== undefined && typeof port !== 'number' && typeof port !== 'string') {
      throw invalidArgType('options.port', 'one of type number or string', port);
    }
    checkPort(port, 'Port');
    if (autoSelectFamily != null && typeof autoSelectFamily !== 'boolean') {
      throw invalidArgType('options.autoSelectFamily', 'of type boolean', autoSelectFamily);
    }
    if (timeout != null && typeof timeout !== 'number') {
      throw invalidArgType('options.autoSelectFamilyAttemptTimeout', 'of type number', timeout);
    }
    if (lookup != null && typeof lookup !== 'function') throw invalidArgType('options.lookup', 'of type function', lookup);
  }

  /** Connects to a host. @returns the descriptor. @throws Error of the resolver or of the kernel; AggregateError. */
  async toHost(options: net.TcpSocketConnectOpts): Promise<number> {
    const { localAddress, localPort } = options;
    const host = options.host || 'localhost';
    const port = Number(options.port);
    const version = isIP(host);
    if (version !== 0) {
      return new Promise((resolve, reject) => {
        // Listeners are added in the same turn.
        timers.nextTick(() => {
          if (this.cancelled) reject(new AbortError(undefined));
          else this.single({ address: host, family: version }, port, localAddress, localPort).then(resolve, reject);
        });
      });
    }
    const family = numberOf(options.family);
    const both = family === 0 && !localAddress && (options.autoSelectFamily ?? net.getDefaultAutoSelectFamily());
    const addresses = await this.lookUp(host, { ...options, family }, both);
    const [first] = addresses;
    if (addresses.length === 1 && first !== undefined) return this.single(first, port, localAddress, localPort);
    const timeout = options.autoSelectFamilyAttemptTimeout ?? net.getDefaultAutoSelectFamilyAttemptTimeout();
    return this.several(addresses, port, localPort, Math.max(LEAST_ATTEMPT_MS, timeout));
  }

  /** The addresses to try, in their order. */
  private async lookUp(host: string, options: net.TcpSocketConnectOpts & { family: number }, all: boolean): Promise<Found[]> {
    const { progress } = this;
    const { family, hints = 0 } = options;
    const lookup = options.lookup ?? (dns.lookup as net.LookupFunction);
    const hinted = family === 0 && hints === 0 ? dns.ADDRCONFIG : hints;
    const wanted = { family, hints: hinted, ...(all ? { all: true } : {}) } as dns.LookupOptions;
    const found = await new Promise<Found[]>((resolve, reject) =>
      lookup(host, wanted, (error, address, version) => {
        const several = Array.isArray(address) ? (address as Found[]) : [{ address, family: version as number }];
        if (error) {
          progress.emit('lookup', error, undefined, undefined, host);
          reject(error);
          return;
        }
        for (const one of several) if (!all || !this.cancelled) progress.emit('lookup', error, one.address, one.family, host);
        resolve(several);
      }),
    );
    if (this.cancelled) throw new AbortError(undefined);
    const valid = found.filter((one) => isIP(one.address) !== 0 && (one.family === 4 || one.family === 6));
    const [first] = found;
    if (valid.length === 0) {
      throw isIP(first?.address ?? '') === 0
        ? invalidAddress(first?.address)
        : invalidFamily(first?.family, host, Number(options.port));
    }
    return byTurns(valid);
  }

  private single(
    { address, family }: Found,
    port: number,
    localAddress: string | undefined,
    localPort: number | undefined,
  ): Promise<number> {
    const any = family === 4 ? '0.0.0.0' : '::';
    const local = localAddress || localPort ? literal(localAddress || any, localPort ?? 0) : undefined;
    return this.attemptOne(literal(address, port), local, [address, port, family]);
  }

  /** The one attempt that there is. */
  private async attemptOne(address: SocketAddress, local: InternetAddress | undefined, told: unknown[]): Promise<number> {
    const { progress } = this;
    const fd = this.open(address, local);
    progress.emit('connectionAttempt', ...told);
    try {
      return await this.connect(fd, address, undefined);
    } catch (error) {
      if (!this.cancelled) progress.emit('connectionAttemptFailed', ...told, error);
      throw error;
    }
  }

  private async several(addresses: Found[], port: number, localPort: number | undefined, timeoutMs: number): Promise<number> {
    const { progress } = this;
    const errors: Error[] = [];
    progress.autoSelectFamilyAttemptedAddresses = [];
    for (const [index, { address, family }] of addresses.entries()) {
      if (this.cancelled) throw new AbortError(undefined);
      const limit = index < addresses.length - 1 ? timeoutMs : undefined;
      const local = localPort ? literal(family === 4 ? '0.0.0.0' : '::', localPort) : undefined;
      try {
        const fd = this.open(literal(address, port), local);
        progress.emit('connectionAttempt', address, port, family);
        progress.autoSelectFamilyAttemptedAddresses.push(`${address}:${port}`);
        return await this.connect(fd, literal(address, port), limit);
      } catch (error) {
        if (this.cancelled) throw error;
        const timedOut = error instanceof AbortError;
        const reason = timedOut ? addressException(-Errno.ETIMEDOUT, 'connect', address, port) : (error as Error);
        errors.push(reason);
        if (timedOut) progress.emit('connectionAttemptTimeout', address, port, family);
        else if (isConnect(reason)) progress.emit('connectionAttemptFailed', address, port, family, reason);
      }
    }
    if (errors.length === 0) throw connectionTimeout();
    throw Object.assign(new AggregateError(errors), { code: (errors[0] as { code?: string }).code });
  }

  /** A socket, with an address of its own if one is wanted. */
  private open(address: SocketAddress, local: InternetAddress | undefined): number {
    const { uring } = this;
    const { calls } = uring.sockets;
    let fd: number;
    try {
      fd = createSocket(calls, address.family);
    } catch (error) {
      throw exceptionAbout(error, 'connect', address);
    }
    try {
      if (local !== undefined) bindTo(calls, fd, local);
      return fd;
    } catch (error) {
      uring.closeDescriptor(fd);
      throw exceptionAbout(error, 'bind', local as InternetAddress);
    }
  }

  private async connect(fd: number, address: SocketAddress, timeoutMs: number | undefined): Promise<number> {
    const { uring } = this;
    try {
      await uring.run(op.connect(fd, address, { signal: this.abort.signal, timeoutMs }));
      return fd;
    } catch (error) {
      uring.closeDescriptor(fd);
      throw exceptionAbout(error, 'connect', address);
    }
  }
}

/** As Node has it; what is no error of the kernel's stays as it is. */
function exceptionAbout(error: unknown, syscall: string, address: SocketAddress): Error {
  const { errno } = error as UringError;
  if (errno === undefined) return error as Error;
  return address.family === 'unix'
    ? addressException(errno, syscall, address.path)
    : addressException(errno, syscall, address.address, address.port);
}

function isConnect(error: Error): boolean {
  return (error as { syscall?: string }).syscall === 'connect';
}

function numberOf(family: unknown): number {
  if (family === 'IPv4') return 4;
  if (family === 'IPv6') return 6;
  return family === 4 || family === 6 ? family : 0;
}

/** Each once, IPv6 and IPv4 by turns, beginning with the first one's. */
function byTurns(found: readonly Found[]): Found[] {
  const unique = found.filter((one, index) => found.findIndex((other) => other.address === one.address) === index);
  const own = unique.filter((one) => one.family === unique[0]?.family);
  const other = unique.filter((one) => !own.includes(one));
  const all: Found[] = [];
  for (let index = 0; index < Math.max(own.length, other.length); index++)
    all.push(...own.slice(index, index + 1), ...other.slice(index, index + 1));
  return all;
}
