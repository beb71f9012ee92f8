/**
 * Receivers of datagrams, as the kernel wants them: one array for one receiver, by which its datagrams are recognized.
 *
 * @module
 */

import { isIP } from 'node:net';
import { encodeAddress } from '../engine/internal.js';

/** How many receivers a socket remembers; then it begins anew. */
const MOST_RECEIVERS = 1024;

/** Those of one socket. */
export class Receivers {
  private readonly known = new Map<string, Uint8Array>();
  private lastAddress = '';
  private lastPort = 0;
  private last: Uint8Array | undefined;

  /** @param isIPv6 of the socket. */
  constructor(private readonly isIPv6: boolean) {}

  /** The `struct sockaddr` of an address; `undefined` for what libuv is to make sense of: the wrong family, or one with a network interface. */
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
