/**
 * Resolving hosts to addresses.
 *
 * @module
 */

import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { invalidArgValue } from '../validate.js';
import type { SocketAddress } from './socket.js';

/**
 * A resolver: returns the addresses of a name in the order in which they are to be tried. `lookup`
 * of `node:dns/promises` is one.
 */
export type Lookup = (
  host: string,
  options: { readonly all: true; readonly family: 0 | 4 | 6 },
) => Promise<readonly { readonly address: string; readonly family: number }[]>;

/** An internet address. */
export type InternetAddress = Exclude<SocketAddress, { family: 'unix' }>;

/**
 * Returns the addresses of a host. An IP address resolves to itself.
 *
 * @throws Error ENOTFOUND and other errors of the resolver.
 */
export async function resolve(
  host: string,
  port: number,
  family: 0 | 4 | 6,
  lookup: Lookup = systemLookup,
): Promise<InternetAddress[]> {
  if (isIP(host) !== 0) return [literal(host, port)];
  const found = await lookup(host, { all: true, family });
  return found.map(({ address }) => literal(address, port));
}

// Loaded when it is used: with it, every program would take 2 MiB more.
const systemLookup: Lookup = async (...args) => (await import('node:dns/promises')).lookup(...args);

/** Parses an IP address; `fe80::1%eth0` has a scope. */
export function literal(text: string, port: number): InternetAddress {
  const [address = '', scope] = text.split('%');
  const version = isIP(text);
  if (version === 4) return { family: 'IPv4', address, port };
  if (version !== 6) throw invalidArgValue('host', text, 'must be a valid IP address');
  return { family: 'IPv6', address, port, scopeId: scope === undefined ? 0 : scopeNumber(scope) };
}

/** Returns the number of a scope, which is the name or the number of a network interface. */
function scopeNumber(scope: string): number {
  const named = networkInterfaces()[scope]?.find((one) => one.family === 'IPv6' && one.scopeid > 0);
  return named?.family === 'IPv6' ? named.scopeid : Number.parseInt(scope, 10) || 0;
}
