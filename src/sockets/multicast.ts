/**
 * Multicast groups.
 *
 * @module
 */

import { encodeAddress } from '../engine/internal.js';
import { type SocketCalls, UringError } from '../syscalls/index.js';
import { checkCString, checkInteger, checkOptions, invalidArgValue } from '../validate.js';
import { type InternetAddress, literal } from './resolve.js';

const LEVELS = { IPv4: 0, IPv6: 41 } as const;

/** `MCAST_*`, the same for IPv4 and IPv6: for all senders, or for one. */
const REQUESTS = { join: { all: 42, source: 46 }, leave: { all: 45, source: 47 } } as const;

/** `struct group_req`, `struct group_source_req`: the interface, then addresses. */
const ADDRESSES = 8;
const ADDRESS_SIZE = 128;

/** IP_MULTICAST_IF takes a `struct ip_mreqn`, IPV6_MULTICAST_IF an int. */
const INTERFACE_OPTIONS = { IPv4: { option: 32, size: 12, index: 8 }, IPv6: { option: 17, size: 4, index: 0 } } as const;

/** The options of a group membership. */
export interface GroupOptions {
  /** The network interface, by name or number. Default: the one that the route leads to. */
  readonly interface?: string | number | undefined;
  /** Receives only from this sender. */
  readonly source?: string | undefined;
}

/**
 * Joins or leaves a group.
 *
 * @throws UringError EADDRINUSE (already joined), EADDRNOTAVAIL (not joined), ENODEV, EINVAL (not a
 *   multicast address); TypeError.
 */
export function changeMembership(
  calls: SocketCalls,
  fd: number,
  change: 'join' | 'leave',
  group: string,
  options: GroupOptions,
): void {
  checkOptions(options, ['interface', 'source']);
  const addresses = [internetAddress('group', group)];
  if (options.source !== undefined) addresses.push(internetAddress('options.source', options.source));
  const value = new Uint8Array(ADDRESSES + ADDRESS_SIZE * addresses.length);
  new DataView(value.buffer).setUint32(0, interfaceNumber(calls, 'options.interface', options.interface), true);
  addresses.forEach((address, index) => {
    value.set(encodeAddress(address), ADDRESSES + ADDRESS_SIZE * index);
  });
  const [{ family } = { family: 'IPv4' as const }] = addresses;
  const result = calls.setsockopt(fd, LEVELS[family], REQUESTS[change][options.source === undefined ? 'all' : 'source'], value);
  if (result < 0) throw new UringError(result, 'setsockopt', `${change} ${group}`);
}

/** Sets the network interface for messages to groups. @throws UringError; TypeError. */
export function setMulticastInterface(
  calls: SocketCalls,
  fd: number,
  family: InternetAddress['family'],
  wanted: string | number,
): void {
  const { option, size, index } = INTERFACE_OPTIONS[family];
  const value = new Uint8Array(size);
  new DataView(value.buffer).setUint32(index, interfaceNumber(calls, 'interface', wanted), true);
  const result = calls.setsockopt(fd, LEVELS[family], option, value);
  if (result < 0) throw new UringError(result, 'setsockopt', `interface ${wanted}`);
}

function internetAddress(name: string, text: unknown): InternetAddress {
  if (typeof text !== 'string') throw invalidArgValue(name, text, 'must be a valid IP address');
  return literal(text, 0);
}

/** Returns the number of a network interface; 0 for any. */
function interfaceNumber(calls: SocketCalls, argument: string, name: string | number = 0): number {
  if (typeof name === 'number') {
    checkInteger(argument, name, 0, 0x7fff_ffff);
    return name;
  }
  checkCString(argument, name);
  const index = calls.interfaceIndex(name);
  if (index < 0) throw new UringError(index, 'if_nametoindex', name);
  return index;
}
