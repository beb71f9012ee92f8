/**
 * Receivers of datagrams as the kernel expects them: one array per receiver, which identifies the
 * datagrams for it.
 *
 * @module
 */

import { isIP } from 'node:net';
import { encodeAddress } from '../engine/internal.js';

/** The number of receivers that a socket remembers before it starts over. */
const MOST_RECEIVERS = 1024;

/** The receivers of one socket. */
export class Receivers {
  private readonly known = new Map<string, Uint8Array>();
  private lastAddress = '';
  private lastPort = 0;
  private last: Uint8Array | undefined;

  /** @param isIPv6 whether the socket is for IPv6. */
  constructor(private readonly isIPv6: boolean) {}

  /**
   * Returns the `struct sockaddr` of an address; `undefined` for addresses that are left to libuv:
   * those of the wrong family, and those with a network interface.
   */
  find(address: string, port: number): Uint8Array | undefined {
    if (address === this.lastAddress && port === this.lastPort) return this.last;
    const name = `${port}/${address}`;
    const found = this.known.get(name) ?? this.encode(address, port);
    if (found === undefined) return undefined;
    this.known.set(name, found);
    this.lastAddress = address;
    this.lastPort = port;
    this.last = found;
    return found;
  }

  private encode(address: string, port: number): Uint8Array | undefined {
    if (isIP(address) !== (this.isIPv6 ? 6 : 4) || address.includes('%')) return undefined;
    if (this.known.size === MOST_RECEIVERS) this.known.clear();
    return encodeAddress({ family: this.isIPv6 ? 'IPv6' : 'IPv4', address, port });
  }
}
