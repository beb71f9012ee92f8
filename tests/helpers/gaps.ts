/**
 * Features that a kernel lacks, found by trying them: reasons to skip a test, in words, or
 * `undefined` if nothing is lacking.
 */

import * as ops from '../../src/ops/index.js';
import { Opcode, type OpcodeName, Ring, type RingOptions, TimeoutFlag } from '../../src/ring/index.js';
import type { TestKernel } from './kernels.js';
import { SIMULATED_ONLY, whyNoRing } from './linux.js';
import { run } from './ring.js';

type Gap = string | undefined;

/** Tests once for a gap, on a ring of the running kernel. */
function onRing(body: (ring: Ring) => Gap, options: RingOptions = { entries: 4 }): () => Gap {
  let known: { readonly gap: Gap } | undefined;
  return () => {
    if (SIMULATED_ONLY) return undefined;
    if (known === undefined) {
      const none = whyNoRing();
      known = { gap: none };
      if (none === undefined) {
        const ring = Ring.open(options);
        try {
          known = { gap: body(ring) };
        } finally {
          ring.close();
        }
      }
    }
    return known.gap;
  };
}

/** Returns whether the kernel refuses a call because it does not know it. */
function refuses(body: () => void): boolean {
  if (SIMULATED_ONLY) return false;
  try {
    body();
    return false;
  } catch (error) {
    return /EINVAL|refuses the flag/.test((error as Error).message);
  }
}

export const gaps = {
  multishotTimeouts: onRing((ring) => {
    const block = ring.arena.block(16);
    block.bytes[8] = 1;
    const { res } = run(ring, (sqe) => ops.prepTimeout(sqe, block.address, 1, TimeoutFlag.MULTISHOT));
    return res === -62 ? undefined : 'no multishot timeouts';
  }),
  tagsAtUnregistration: onRing((ring) => {
    ring.buffers.registerTagged([ring.arena.block(64).bytes], [7]);
    ring.buffers.unregister();
    return ring.waitCqe(200) === null ? 'no tags when a table is unregistered' : undefined;
  }),
  messagesWithoutRing: onRing((ring) => (refuses(() => ring.sendMessage(ring.fd, 1)) ? 'no messages without a ring' : undefined)),
  bufferStatus: onRing((ring) => {
    const group = ring.bufferRings.create({ group: 1, entries: 1 });
    return refuses(() => group.head) ? 'no status of buffer rings' : undefined;
  }),
  mappedBufferRings: onRing((ring) =>
    refuses(() => ring.bufferRings.create({ group: 1, entries: 1, memory: 'mapped' }))
      ? 'no buffer rings in its own memory'
      : undefined,
  ),
  incrementalBufferRings: onRing((ring) =>
    refuses(() => ring.bufferRings.create({ group: 1, entries: 1, incremental: true }))
      ? 'no incremental buffer rings'
      : undefined,
  ),
  ringsInOurMemory: () =>
    refuses(() => Ring.open({ entries: 1, memory: 'shared' }).close()) ? 'no rings in memory of the program’s' : undefined,
  registeredOnly: () =>
    refuses(() => Ring.open({ entries: 1, flags: ['REGISTERED_FD_ONLY', 'NO_MMAP'] }).close())
      ? 'no rings without a descriptor'
      : undefined,
  /** Reports the first of these operations that the kernel lacks. */
  of: (...names: OpcodeName[]): Gap => {
    const missing = onRing((ring) => {
      const probe = ring.probe();
      return names.find((name) => !probe.supports(Opcode[name]));
    })();
    return missing && (names as string[]).includes(missing) ? `no ${missing}` : missing;
  },
};

/** Returns a gap of the running kernel. The simulated kernel has none. */
export function gapOn(name: TestKernel['name'], gap: () => Gap): Gap {
  return name === 'linux' ? gap() : undefined;
}
