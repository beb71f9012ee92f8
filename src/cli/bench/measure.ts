/**
 * Measuring: sides that do the same work, in slices that alternate, so that a noisy machine is noisy for all. Medians count.
 *
 * @module
 */

/** One way of doing a piece of work. */
export interface Side {
  readonly name: string;
  /** Does a slice of the work. @returns how many operations, or bytes, that was. */
  run(): Promise<number> | number;
}

/** Work that several sides do. The first is the library's; the others are what it is compared with. */
export interface Work {
  readonly id: string;
  readonly title: string;
  /** What is counted: `'reads'`, `'files'`, `'bytes'`. */
  readonly unit: string;
  readonly sides: readonly Side[];
  /** What the ratio to each other side should be at least, where something was promised. */
  readonly targets?: { readonly [name: string]: number };
  /** Rounds, where the usual number would take too long. */
  readonly rounds?: number;
  close?(): Promise<void> | void;
}

/** Medians of a side. */
export interface Figure {
  readonly name: string;
  readonly perSecond: number;
  /** Microseconds of CPU, of all threads, for each operation (or megabyte). */
  readonly cpuMicroseconds: number;
}

/** The outcome of a work. */
export interface Outcome {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly figures: readonly Figure[];
  /** How many times as fast as each other side the first is: the median of the rounds' ratios. */
  readonly ratios: { readonly [name: string]: number };
  /** Its CPU for an operation, as a part of each other side's. */
  readonly cpuRatios: { readonly [name: string]: number };
  readonly targets: { readonly [name: string]: number };
}

interface Sample {
  readonly perSecond: number;
  readonly cpu: number;
}

/** Tells how far it is. */
export interface BenchProgress {
  start(total: number): void;
  step(count: number, what: string): void;
  stop(): void;
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** Runs a work. */
export async function measure(work: Work, rounds: number, step: (what: string) => void): Promise<Outcome> {
  const { sides } = work;
  // The compiler's and the caches' share.
  for (const side of sides) await side.run();
  const samples = sides.map((): Sample[] => []);
  for (let round = 0; round < rounds; round++) {
    // Each is first in its turn.
    for (let turn = 0; turn < sides.length; turn++) {
      const index = (round + turn) % sides.length;
      const side = sides[index] as Side;
      samples[index]?.push(await slice(side));
      step(`${work.title}: ${side.name}`);
    }
  }
  const figures = sides.map(({ name }, index): Figure => {
    const own = samples[index] as Sample[];
    return { name, perSecond: median(own.map(({ perSecond }) => perSecond)), cpuMicroseconds: median(own.map(({ cpu }) => cpu)) };
  });
  const ratio = (of: (sample: Sample) => number) =>
    Object.fromEntries(
      sides
        .slice(1)
        .map(({ name }, index) => [
          name,
          median(
            (samples[0] as Sample[]).map((sample, round) => of(sample) / of((samples[index + 1] as Sample[])[round] as Sample)),
          ),
        ]),
    );
  return {
    id: work.id,
    title: work.title,
    unit: work.unit,
    figures,
    ratios: ratio(({ perSecond }) => perSecond),
    cpuRatios: ratio(({ cpu }) => cpu),
    targets: work.targets ?? {},
  };
}

async function slice(side: Side): Promise<Sample> {
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const operations = await side.run();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond: operations / seconds, cpu: (user + system) / operations };
}
