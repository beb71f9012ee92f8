/**
 * Socket options, by name.
 *
 * @module
 */

import { IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, SOL_SOCKET } from '../linux.js';
import { type SocketCalls, UringError } from '../syscalls/index.js';
import { checkInteger, checkName, checkOptions, invalidArgType } from '../validate.js';
import type { SocketAddress } from './socket.js';

const MOST = 0x7fff_ffff;

/** The level, the number, and the kind of value. `linger` is a `struct linger`. */
type Option = readonly [level: number, number: number, kind: 'boolean' | 'number' | 'byte' | 'linger'];

/** The options that all sockets have. */
const COMMON = {
  receiveBufferSize: [SOL_SOCKET, 8, 'number'],
  sendBufferSize: [SOL_SOCKET, 7, 'number'],
  reuseAddress: [SOL_SOCKET, 2, 'boolean'],
  reusePort: [SOL_SOCKET, 15, 'boolean'],
  ipv6Only: [IPPROTO_IPV6, 26, 'boolean'],
} as const satisfies Record<string, Option>;

/** The options that all sockets have. */
export interface CommonSettings {
  /** SO_RCVBUF in bytes; the kernel reports twice the value. */
  readonly receiveBufferSize?: number | undefined;
  /** SO_SNDBUF in bytes; the kernel reports twice the value. */
  readonly sendBufferSize?: number | undefined;
  /** SO_REUSEADDR. */
  readonly reuseAddress?: boolean | undefined;
  /** SO_REUSEPORT: several sockets, in threads or processes, share a port. */
  readonly reusePort?: boolean | undefined;
  /** IPV6_V6ONLY. */
  readonly ipv6Only?: boolean | undefined;
}

/**
 * The settings of a connection or a listener. Times are in the kernel's unit; each setting states
 * it.
 */
export interface SocketSettings extends CommonSettings {
  /** TCP_NODELAY: data is sent immediately. */
  readonly noDelay?: boolean | undefined;
  /** SO_KEEPALIVE. */
  readonly keepAlive?: boolean | undefined;
  /** TCP_KEEPIDLE: seconds without data before the first keepalive probe. */
  readonly keepAliveIdle?: number | undefined;
  /** TCP_KEEPINTVL: seconds between keepalive probes. */
  readonly keepAliveInterval?: number | undefined;
  /** TCP_KEEPCNT: the number of keepalive probes. */
  readonly keepAliveCount?: number | undefined;
  /** TCP_USER_TIMEOUT: milliseconds that sent data may remain unacknowledged. */
  readonly userTimeout?: number | undefined;
  /**
   * TCP_FASTOPEN: how many connections may carry data before their handshake has completed. For
   * listeners.
   */
  readonly fastOpen?: number | undefined;
  /**
   * TCP_FASTOPEN_CONNECT: the first data written is sent with the handshake. For connections,
   * before they connect.
   */
  readonly fastOpenConnect?: boolean | undefined;
  /**
   * SO_LINGER: seconds that closing waits for unsent data; 0 resets the connection; `false` for
   * neither.
   */
  readonly linger?: number | false | undefined;
}

/** The settings of a datagram socket. */
export interface DatagramSettings extends CommonSettings {
  /** SO_BROADCAST: allows sending to broadcast addresses. */
  readonly broadcast?: boolean | undefined;
  /** IP_TTL, IPV6_UNICAST_HOPS: the maximum number of hops, 1 to 255. */
  readonly ttl?: number | undefined;
  /** IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS: the same for messages to groups, 0 to 255. */
  readonly multicastTtl?: number | undefined;
  /**
   * IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP: messages to a group are also received by members on
   * this machine.
   */
  readonly multicastLoopback?: boolean | undefined;
}

/** The options of one kind of socket. */
export class OptionTable<Settings extends object> {
  /** The names of the options. */
  readonly names: readonly (keyof Settings & string)[];

  constructor(private readonly options: { readonly [Name in keyof Settings & string]?: Option }) {
    this.names = Object.keys(options) as (keyof Settings & string)[];
  }

  /** Checks values. @throws TypeError, RangeError. */
  check(settings: Settings): void {
    for (const name of this.names) {
      const value: unknown = settings[name];
      if (value === undefined) continue;
      const [, , kind] = this.options[name] as Option;
      const title = `options.${name}`;
      if (kind === 'boolean') {
        if (typeof value !== 'boolean') throw invalidArgType(title, 'of type boolean', value);
      } else if (kind === 'linger') {
        if (value !== false) checkInteger(title, value, 0, 0xffff);
      } else {
        checkInteger(title, value, 0, kind === 'byte' ? 0xff : MOST);
      }
    }
  }

  /** Sets the given options, without checks. @throws UringError of setsockopt(2). */
  apply(calls: SocketCalls, fd: number, settings: Settings): void {
    for (const name of this.names) {
      const value: unknown = settings[name];
      if (value === undefined) continue;
      const [level, option, kind] = this.options[name] as Option;
      const words = kind === 'linger' ? [value === false ? 0 : 1, Number(value)] : [Number(value)];
      const result = calls.setsockopt(fd, level, option, ints(...words));
      if (result < 0) throw new UringError(result, 'setsockopt', name);
    }
  }

  /** Checks and sets options of an open socket. @throws as {@link check} and {@link apply}. */
  set(calls: SocketCalls, fd: number, settings: Settings): void {
    checkOptions(settings, this.names, 'settings');
    this.check(settings);
    this.apply(calls, fd, settings);
  }

  /** Returns the value of an option. @throws UringError of getsockopt(2). */
  get<Name extends keyof Settings & string>(calls: SocketCalls, fd: number, name: Name): NonNullable<Settings[Name]> {
    checkName('name', name, this.names, 'a socket option');
    const [level, option, kind] = this.options[name] as Option;
    const value = ints(0, 0);
    const result = calls.getsockopt(fd, level, option, kind === 'linger' ? value : value.subarray(0, 4));
    if (result < 0) throw new UringError(result, 'getsockopt', name);
    const [first = 0, second = 0] = new Int32Array(value.buffer);
    const answers = { number: first, byte: first, boolean: first !== 0, linger: first !== 0 && second };
    return answers[kind] as NonNullable<Settings[Name]>;
  }
}

/** The options of connections and listeners. */
export const STREAM_OPTIONS = new OptionTable<SocketSettings>({
  noDelay: [IPPROTO_TCP, 1, 'boolean'],
  keepAlive: [SOL_SOCKET, 9, 'boolean'],
  keepAliveIdle: [IPPROTO_TCP, 4, 'number'],
  keepAliveInterval: [IPPROTO_TCP, 5, 'number'],
  keepAliveCount: [IPPROTO_TCP, 6, 'number'],
  userTimeout: [IPPROTO_TCP, 18, 'number'],
  ...COMMON,
  fastOpen: [IPPROTO_TCP, 23, 'number'],
  fastOpenConnect: [IPPROTO_TCP, 30, 'boolean'],
  linger: [SOL_SOCKET, 13, 'linger'],
});

/**
 * The options of datagram sockets, whose numbers differ between IPv4 and IPv6. Unix sockets have no
 * hops.
 */
export const DATAGRAM_OPTIONS: { readonly [Family in SocketAddress['family']]: OptionTable<DatagramSettings> } = {
  IPv4: datagramOptions(IPPROTO_IP, 2, 33, 34),
  IPv6: datagramOptions(IPPROTO_IPV6, 16, 18, 19),
  unix: new OptionTable<DatagramSettings>(COMMON),
};

function datagramOptions(level: number, ttl: number, multicastTtl: number, multicastLoopback: number) {
  return new OptionTable<DatagramSettings>({
    ...COMMON,
    broadcast: [SOL_SOCKET, 6, 'boolean'],
    ttl: [level, ttl, 'byte'],
    multicastTtl: [level, multicastTtl, 'byte'],
    multicastLoopback: [level, multicastLoopback, 'boolean'],
  });
}

function ints(...values: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}
