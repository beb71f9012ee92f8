/**
 * Senders of datagrams, as listeners get them. Text of an address costs more than receiving a datagram, and senders come again.
 *
 * @module
 */

import { networkInterfaces } from 'node:os';
import type { Message } from '../engine/index.js';
import type { Sender } from './natives.js';

/** How many senders are remembered; then it is begun anew. */
const MOST_SENDERS = 1024;

const known = new Map<number, Sender>();

/** The sender of a datagram, in an object of its own. */
export function senderOf(message: Message): Sender {
  const key = message.senderKey;
  if (key < 0) return describe(message);
  let sender = known.get(key);
  if (sender === undefined) {
    sender = describe(message);
    if (known.size === MOST_SENDERS) known.clear();
    known.set(key, sender);
  }
  return { address: sender.address, family: sender.family, port: sender.port };
}

function describe({ sender }: Message): Sender {
  if (sender === undefined || sender.family === 'unix') return { address: '', family: 'IPv4', port: 0 };
  const { address, family, port } = sender;
  if (sender.family === 'IPv4' || !sender.scopeId || !isLinkLocal(address)) return { address, family, port };
  return { address: `${address}%${interfaceName(sender.scopeId)}`, family, port };
}

/** fe80::/10. */
function isLinkLocal(address: string): boolean {
  return (Number.parseInt(address, 16) & 0xffc0) === 0xfe80;
}

/** The name of a network interface, or its number where there is no such interface any more. */
function interfaceName(scopeId: number): string {
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    if (addresses.some(({ family, scopeid }) => String(family).endsWith('6') && scopeid === scopeId)) return name;
  }
  return String(scopeId);
}
