/**
 * Opening sockets at local addresses.
 *
 * @module
 */

import { Errno, type UringError } from '../syscalls/index.js';
import { invalidArgValue } from '../validate.js';
import { type Lookup, resolve } from './resolve.js';
import type { SocketAddress } from './socket.js';

/** A path, a host, or by default all addresses. */
interface Place {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
  readonly ipv6Only?: boolean | undefined;
  readonly lookup?: Lookup | undefined;
}

/** The errors that mean that IPv6 is unavailable. */
const WITHOUT_IPV6 = new Set([-Errno.EAFNOSUPPORT, -Errno.EADDRNOTAVAIL]);

/**
 * Opens a socket at the first address of a place. For all addresses, that is an IPv6 socket, which
 * includes IPv4; where IPv6 is unavailable, an IPv4 socket.
 *
 * @throws what `open` throws; errors of the resolver.
 */
export async function openAt<Socket>(place: Place, open: (address: SocketAddress) => Socket): Promise<Socket> {
  const { host, port = 0, path, ipv6Only, lookup } = place;
  if (path !== undefined) return open({ family: 'unix', path });
  if (host !== undefined) {
    const [first] = await resolve(host, port, 0, lookup);
    if (first === undefined) throw invalidArgValue('options.host', host, 'has no address');
    return open(first);
  }
  try {
    return open({ family: 'IPv6', address: '::', port });
  } catch (error) {
    if (ipv6Only || !WITHOUT_IPV6.has((error as UringError).errno)) throw error;
    return open({ family: 'IPv4', address: '0.0.0.0', port });
  }
}
