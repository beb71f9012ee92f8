/**
 * `uring bench`: the performance of the library on this machine.
 *
 * @module
 */

import { Uring } from '../../engine/index.js';
import { filesWorks } from './files.js';
import { type BenchProgress, measure, type Outcome, type Work } from './measure.js';
import { netWorks } from './net.js';
import { nopWorks } from './nop.js';

/** The name of a benchmark. */
export type BenchName = (typeof BENCHES)[number];

/** The names of the benchmarks. */
export const BENCHES = ['files', 'net', 'nop'] as const;

/** The options of a benchmark. */
export interface BenchOptions {
  readonly rounds: number;
  readonly short?: boolean | undefined;
  readonly directory?: string | undefined;
  /** Only the works whose id starts with this. */
  readonly only?: string | undefined;
  readonly progress: BenchProgress;
}

/** Runs a benchmark. */
export async function bench(name: BenchName, options: BenchOptions): Promise<Outcome[]> {
  const { rounds, progress, only = '' } = options;
  const { works, remove } = await worksOf(name, options);
  const outcomes: Outcome[] = [];
  try {
    const wanted = works.filter(({ id }) => id.startsWith(only));
    const roundsOf = (own: number | undefined) => (own === undefined ? rounds : Math.min(own, rounds));
    progress.start(wanted.reduce((total, { sides, rounds: own }) => total + sides.length * roundsOf(own), 0));
    for (const work of wanted) {
      outcomes.push(await measure(work, roundsOf(work.rounds), (what) => progress.step(1, what)));
    }
    return outcomes;
  } finally {
    progress.stop();
    for (const work of works) await work.close?.();
    remove();
    if (name !== 'nop') await Uring.default().close();
  }
}

async function worksOf(name: BenchName, options: BenchOptions): Promise<{ works: Work[]; remove(): void }> {
  if (name === 'files') return filesWorks(options);
  const short = options.short === true;
  return { works: name === 'net' ? netWorks(short) : nopWorks(short), remove: () => undefined };
}
