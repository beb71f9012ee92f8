/**
 * Senders of datagrams, as listeners receive them. Formatting an address costs more than receiving
 * a datagram, and senders recur.
 *
 * @module
 */

import { networkInterfaces } from 'node:os';
import type { Message } from '../engine/index.js';
import type { Sender } from './natives.js';

/** The number of senders that are remembered before the table is cleared. */
const MOST_SENDERS = 1024;

const known = new Map<number, Sender>();

/** Returns the sender of a datagram as a new object. */
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

/** Returns whether an address is in fe80::/10. */
function isLinkLocal(address: string): boolean {
  return (Number.parseInt(address, 16) & 0xffc0) === 0xfe80;
}

/** Returns the name of a network interface, or its number if the interface no longer exists. */
function interfaceName(scopeId: number): string {
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    if (addresses.some(({ family, scopeid }) => String(family).endsWith('6') && scopeid === scopeId)) return name;
  }
  return String(scopeId);
}
