/**
 * Conformance cases: what liburing's own test programs check, rewritten, and run on both kernels.
 * Each case has the name of its liburing program. The table in docs/conformance.md is generated
 * from these tests.
 */

import { describe, test } from '@jest/globals';
import type { OpcodeName, RingOptions, SetupFlagName } from '../../src/ring/index.js';
import { describeOnBothKernels, onLinuxOnce, type TestKernel, whyNotFlags } from '../helpers/kernels.js';
import { RING_KINDS, Stage } from '../helpers/stage.js';

/** Tries a feature. Returns what this kernel lacks, or `undefined`. */
export type Probe = (stage: Stage) => string | undefined;

/** The requirements of a case, besides a ring. */
export interface CaseOptions {
  /** Default: 32 entries. */
  readonly ring?: RingOptions;
  /** The kinds of rings on which the case runs. */
  readonly kinds?: readonly (readonly [name: string, flags: readonly SetupFlagName[]])[];
  readonly ops?: readonly OpcodeName[];
  readonly probe?: Probe;
  /** The simulated kernel lacks what the case needs: threads, processes, devices, real time. */
  readonly linuxOnly?: boolean;
}

/** Registers a case: its name, what it checks, and the check. */
export type Case = (
  name: string,
  what: string,
  options: CaseOptions | ((stage: Stage) => void | Promise<void>),
  body?: (stage: Stage) => void | Promise<void>,
) => void;

/** Registers a family of cases on both kernels. */
export function cases(family: string, register: (test: Case) => void): void {
  describeOnBothKernels(`conformance: ${family}`, (kernel, kernelName) => register(caseOn(kernel, kernelName)));
}

/** All kinds of rings. */
export const ALL_KINDS = RING_KINDS;

/** The kinds of rings that post completions while the program is in the kernel. */
export const WITHOUT_THREAD = RING_KINDS.filter(([name]) => name !== 'SQPOLL');

function caseOn(kernel: () => TestKernel, kernelName: TestKernel['name']): Case {
  return (name, what, options, body) => {
    const [settings, run] = typeof options === 'function' ? [{}, options] : [options, body as (stage: Stage) => void];
    if (settings.linuxOnly && kernelName === 'simulated') return;
    const register = (title: string, flags: readonly SetupFlagName[]) => {
      const ring = { entries: 32, ...settings.ring, flags: [...(settings.ring?.flags ?? []), ...flags] };
      const why = kernelName === 'linux' ? whyNot(settings, ring) : undefined;
      if (why !== undefined) {
        test.skip(`${title} (skipped: ${why})`, () => undefined);
        return;
      }
      test(title, async () => {
        const stage = Stage.open(kernel(), ring);
        try {
          await run(stage);
        } finally {
          stage.close();
        }
      });
    };
    if (settings.kinds === undefined) register(`${name}: ${what}`, []);
    else describe.each(settings.kinds)('%s', (_, flags) => register(`${name}: ${what}`, flags));
  };
}

function whyNot(settings: CaseOptions, ring: RingOptions): string | undefined {
  const refused = whyNotFlags((ring.flags ?? []) as readonly SetupFlagName[]);
  if (refused !== undefined) return refused;
  if (settings.ops === undefined && settings.probe === undefined) return undefined;
  return onLinuxOnce((kernel) => {
    const stage = Stage.open(kernel, ring);
    try {
      const missing = settings.ops && stage.lacks(...settings.ops);
      return missing === undefined ? settings.probe?.(stage) : `the kernel lacks ${missing}`;
    } finally {
      stage.close();
    }
  });
}
