/**
 * Conversion of socket addresses between `struct sockaddr` and objects.
 *
 * @module
 */

import { isIP, isIPv4 } from 'node:net';
import { AF_INET, AF_INET6, AF_UNIX } from '../../linux.js';
import { checkInteger, invalidArgType, invalidArgValue, outOfRange } from '../../validate.js';

/** The address of a socket. */
export type SocketAddress =
  | { readonly family: 'IPv4'; readonly address: string; readonly port: number }
  | {
      readonly family: 'IPv6';
      readonly address: string;
      readonly port: number;
      readonly flowinfo?: number | undefined;
      readonly scopeId?: number | undefined;
    }
  /**
   * A path. A path that starts with a null character is an abstract name; an empty path belongs to
   * an unnamed socket.
   */
  | { readonly family: 'unix'; readonly path: string };

/** Bytes of `sun_path`. */
const UNIX_PATH_SIZE = 108;

/** Encodes an address for the kernel. */
export function encodeAddress(address: SocketAddress): Uint8Array {
  if (typeof address !== 'object' || address === null) throw invalidArgType('address', 'a socket address', address);
  if (address.family === 'unix') return encodeUnix(address.path);
  const { family, port } = address;
  if (family !== 'IPv4' && family !== 'IPv6') {
    throw invalidArgValue('address.family', family, `must be 'IPv4', 'IPv6' or 'unix'`);
  }
  checkInteger('address.port', port, 0, 0xffff);
  if (isIP(address.address) !== (family === 'IPv4' ? 4 : 6)) {
    throw invalidArgValue('address.address', address.address, `must be a valid ${family} address`);
  }
  const bytes = new Uint8Array(family === 'IPv4' ? 16 : 28);
  const data = new DataView(bytes.buffer);
  data.setUint16(0, family === 'IPv4' ? AF_INET : AF_INET6, true);
  data.setUint16(2, port);
  if (family === 'IPv4') {
    bytes.set(address.address.split('.').map(Number), 4);
  } else {
    data.setUint32(4, address.flowinfo ?? 0);
    bytes.set(ipv6Bytes(address.address), 8);
    data.setUint32(24, address.scopeId ?? 0, true);
  }
  return bytes;
}

/**
 * Decodes an address that the kernel has written.
 *
 * @param length as the kernel reports it; 0 for none.
 */
export function decodeAddress(data: DataView, length: number): SocketAddress | undefined {
  if (length < 2) return undefined;
  const family = data.getUint16(0, true);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (family === AF_UNIX) {
    const path = Buffer.from(bytes.subarray(2, Math.min(length, 2 + UNIX_PATH_SIZE)));
    // A path ends at a null byte, an abstract name at its length.
    const end = path[0] === 0 ? path.length : path.indexOf(0);
    return { family: 'unix', path: path.toString('utf8', 0, end < 0 ? path.length : end) };
  }
  if (family === AF_INET) return { family: 'IPv4', address: bytes.slice(4, 8).join('.'), port: data.getUint16(2) };
  if (family !== AF_INET6) return undefined;
  return {
    family: 'IPv6',
    address: ipv6Text(data, 8),
    port: data.getUint16(2),
    flowinfo: data.getUint32(4),
    scopeId: data.getUint32(24, true),
  };
}

function encodeUnix(path: string): Uint8Array {
  if (typeof path !== 'string') throw invalidArgType('address.path', 'of type string', path);
  const text = Buffer.from(path);
  const abstract = path.startsWith('\0');
  const most = abstract ? UNIX_PATH_SIZE : UNIX_PATH_SIZE - 1;
  if (text.length > most) throw outOfRange('address.path', `at most ${most} bytes`, `${text.length} bytes`);
  const bytes = new Uint8Array(2 + text.length + (abstract ? 0 : 1));
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(text, 2);
  return bytes;
}

function ipv6Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const [plain = ''] = text.split('%', 1);
  // The last 32 bits may be written as IPv4.
  const last = plain.slice(plain.lastIndexOf(':') + 1);
  const normal = isIPv4(last) ? plain.slice(0, -last.length) + groupsOfIpv4(last) : plain;
  const [head = '', tail] = normal.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const first = groups(head);
  const rest = tail === undefined ? [] : groups(tail);
  const data = new DataView(bytes.buffer);
  first.forEach((group, index) => {
    data.setUint16(2 * index, group);
  });
  rest.forEach((group, index) => {
    data.setUint16(16 - 2 * (rest.length - index), group);
  });
  return bytes;
}

function groupsOfIpv4(text: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** Formats an address according to RFC 5952: the longest run of zeros is left out. */
function ipv6Text(data: DataView, offset: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => data.getUint16(offset + 2 * index));
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (mapped) return `::ffff:${Array.from({ length: 4 }, (_, index) => data.getUint8(offset + 12 + index)).join('.')}`;
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (best.length < 2) return text(groups);
  return `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`;
}
