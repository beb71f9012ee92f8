/**
 * Measuring: the sides do the same work, in slices that alternate, so that noise on the machine
 * affects all of them. The results are medians.
 *
 * @module
 */

/** One way of doing a piece of work. */
export interface Side {
  readonly name: string;
  /** Does a slice of the work. @returns the number of operations, or bytes, done. */
  run(): Promise<number> | number;
}

/** Work that several sides do. The first side is the library; it is compared with the others. */
export interface Work {
  readonly id: string;
  readonly title: string;
  /** The unit of the counts: `'reads'`, `'files'`, `'bytes'`. */
  readonly unit: string;
  readonly sides: readonly Side[];
  /** The minimum ratio to each other side, where one was promised. */
  readonly targets?: { readonly [name: string]: number };
  /** The number of rounds, where the usual number would take too long. */
  readonly rounds?: number;
  close?(): Promise<void> | void;
}

/** The medians of a side. */
export interface Figure {
  readonly name: string;
  readonly perSecond: number;
  /** Microseconds of CPU time of all threads for each operation (or megabyte). */
  readonly cpuMicroseconds: number;
}

/** The outcome of a work. */
export interface Outcome {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly figures: readonly Figure[];
  /**
   * The speed of the first side, divided by that of each other side: the median of the ratios of
   * all rounds.
   */
  readonly ratios: { readonly [name: string]: number };
  /** Its CPU time for an operation, as a fraction of that of each other side. */
  readonly cpuRatios: { readonly [name: string]: number };
  readonly targets: { readonly [name: string]: number };
}

interface Sample {
  readonly perSecond: number;
  readonly cpu: number;
}

/** Reports the progress. */
export interface BenchProgress {
  start(total: number): void;
  step(count: number, what: string): void;
  stop(): void;
}

/** Returns the median. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** Measures a work. */
export async function measure(work: Work, rounds: number, step: (what: string) => void): Promise<Outcome> {
  const { sides } = work;
  // Warms up the compiler and the caches.
  for (const side of sides) await side.run();
  const samples = sides.map((): Sample[] => []);
  for (let round = 0; round < rounds; round++) {
    // Each side goes first in its turn.
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
