/**
 * The world of a simulated program: a kernel whose chaos is drawn from one seed, a clock, a trace,
 * and the rules that hold at every step.
 */

import { type Ring, SetupFlag, type SetupFlagName } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { type ChaosOptions, Random, SimulatedKernel } from '../../src/testing/index.js';

/** An event that must never happen. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** The options of a run. */
export interface WorldOptions {
  readonly seed: number;
  /** Chaos options that override the usual ones, for tests of the simulation itself. */
  readonly chaos?: Partial<ChaosOptions>;
}

const TRACE_LENGTH = 400;

const { emitWarning } = process;

/** A kernel, its trace, and the checks on it. */
export class World {
  readonly random: Random;
  readonly kernel: SimulatedKernel;
  /** Descriptors that were open before the program. */
  private readonly own: Set<number>;
  private readonly trace: (string | (() => string))[] = [];
  private readonly restoreClock: () => void;
  steps = 0;
  /** The first warning that was emitted. */
  private warning: string | undefined;

  constructor({ seed, chaos }: WorldOptions) {
    this.random = new Random(seed);
    const { random } = this;
    this.kernel = new SimulatedKernel({
      // In half of the runs the counters wrap.
      counterStart: random.chance(0.5) ? 0xffff_ffff - random.below(200) : 0,
      chaos: {
        seed: random.below(0x7fff_ffff),
        defer: random.pick([0, 0.2, 0.6]),
        partialSubmission: random.pick([0, 0.05]),
        fail: random.chance(0.25) ? 0.01 : 0,
        errnos: Object.values(Errno),
        ...chaos,
      },
    });
    this.kernel.trace = (kind, what) => this.note(kind === 'sqe' ? () => `SQE ${what}` : () => cqeText(what as TracedCqe));
    this.own = new Set(this.kernel.openDescriptors);
    this.restoreClock = this.kernel.clock.install();
    process.emitWarning = ((warning: string | Error) => {
      this.warning ??= String(warning);
    }) as never;
  }

  /** Whether operations fail at random, with any errno. */
  get mayFail(): boolean {
    return (this.kernel.chaos?.options.fail ?? 0) > 0;
  }

  /** Adds a line to the trace. A function is called only if the trace is read. */
  note(line: string | (() => string)): void {
    this.trace.push(line);
    if (this.trace.length > 2 * TRACE_LENGTH) this.trace.splice(0, TRACE_LENGTH);
  }

  /** Returns the last lines, and before them earlier lines about the same operations. */
  readable(): string[] {
    const lines = this.trace.map((line) => (typeof line === 'string' ? line : line()));
    const last = lines.slice(-40);
    const names = new Set(last.flatMap((line) => line.match(/\[0x[0-9a-f]+\]/g) ?? []));
    const before = lines.slice(0, -40).filter((line) => [...names].some((name) => line.includes(name)));
    return [...before.slice(-20), '...', ...last];
  }

  /** Checks the rules that hold at every step. */
  check(): void {
    this.steps++;
    const [violation] = this.kernel.ownership.violations;
    if (violation !== undefined) throw new Violation(violation);
    if (this.warning !== undefined) throw new Violation(`a warning: ${this.warning}`);
  }

  /** Checks that the program has left nothing behind but the known descriptors. */
  checkLeftovers(known: Iterable<number> = []): void {
    const allowed = new Set([...this.own, ...known]);
    const left = this.kernel.openDescriptors.filter((fd) => !allowed.has(fd));
    if (left.length > 0) throw new Violation(`descriptors are left: ${left.join(', ')}`);
    if (this.kernel.ownership.size > 0) throw new Violation(`${this.kernel.ownership.size} operations still have memory`);
    this.check();
  }

  expect(condition: boolean, what: string | (() => string)): void {
    if (!condition) throw new Violation(typeof what === 'string' ? what : what());
  }

  end(): void {
    process.emitWarning = emitWarning;
    this.restoreClock();
  }
}

interface TracedCqe {
  readonly userData: bigint;
  readonly res: number;
  readonly flags: number;
}

function cqeText({ userData, res, flags }: TracedCqe): string {
  return `    CQE [0x${userData.toString(16)}] res ${res}${flags === 0 ? '' : ` flags 0x${flags.toString(16)}`}`;
}

/** Combinations of setup flags, all of them valid. */
const FLAGS: readonly (readonly SetupFlagName[])[] = [
  [],
  ['SUBMIT_ALL'],
  ['COOP_TASKRUN', 'TASKRUN_FLAG'],
  ['SINGLE_ISSUER', 'DEFER_TASKRUN'],
  ['SINGLE_ISSUER', 'DEFER_TASKRUN', 'TASKRUN_FLAG', 'SUBMIT_ALL', 'NO_SQARRAY'],
  ['SQPOLL'],
  ['CQE32'],
  ['SQE128', 'NO_SQARRAY'],
];

export function anyFlags(random: Random): readonly SetupFlagName[] {
  return random.pick(FLAGS);
}

/** Returns whether a ring has an SQ thread. */
export function hasThread(ring: Ring): boolean {
  return (ring.setupFlags & SetupFlag.SQPOLL) !== 0;
}

/** Returns the byte of a file at a position, so that a reader knows what to expect. */
export function byteAt(file: number, position: number): number {
  return (file * 31 + position * 7 + (position >>> 8)) & 0xff;
}

/** Returns the content of a file. */
export function contentOf(file: number, length: number): Uint8Array {
  return new Uint8Array(length).map((_, position) => byteAt(file, position));
}

/** Returns whether these are the bytes of a file from a position on. */
export function matches(bytes: Uint8Array, file: number, position: number): boolean {
  return bytes.every((byte, index) => byte === byteAt(file, position + index));
}
