/**
 * Reads the facts that explain why no ring can be created. Everything comes from `/proc` and from
 * Node itself, without koffi, because a missing koffi is one of the reasons to explain.
 *
 * @module
 */

import os from 'node:os';
import { node } from '../node-fs.js';
import type { HostFacts } from './types.js';

/**
 * Returns the facts about the machine that this process runs on. Facts that cannot be read are
 * `undefined`.
 */
export function readHostFacts(): HostFacts {
  return {
    platform: process.platform,
    kernelRelease: os.release(),
    ioUringDisabled: readNumber('/proc/sys/kernel/io_uring_disabled'),
    ioUringGroup: readNumber('/proc/sys/kernel/io_uring_group'),
    seccompMode: fieldOf('/proc/self/status', /^Seccomp:\s*(\d+)/m),
    memlock: readMemlock(),
  };
}

function readText(path: string): string | undefined {
  try {
    return node.readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function readNumber(path: string): number | undefined {
  return fieldOf(path, /^(-?\d+)/);
}

function fieldOf(path: string, pattern: RegExp): number | undefined {
  const match = readText(path)?.match(pattern);
  return match ? Number(match[1]) : undefined;
}

function readMemlock(): HostFacts['memlock'] {
  const match = readText('/proc/self/limits')?.match(/^Max locked memory\s+(\S+)\s+(\S+)/m);
  if (!match) return undefined;
  const bytes = (text: string | undefined) => (text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text));
  return { soft: bytes(match[1]), hard: bytes(match[2]) };
}
