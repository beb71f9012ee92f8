/**
 * `uring compare`: reads the same files in four ways. The first round computes digests, which
 * proves that all readers see the same bytes, and warms the cache for all of them. Timed rounds
 * follow, interleaved; the results are their medians.
 *
 * @module
 */

import type node from 'node:fs/promises';
import * as uringFs from '../../fs/promises.js';
import { CountingSink, DigestSink } from './digest.js';
import { findLarge, PromisesReader, SyncReader } from './node-readers.js';
import type { Reader } from './reader.js';
import { RingReader } from './ring-reader.js';
import { walk } from './walk.js';

/** The figures of one way of reading: medians over the rounds. */
export interface Figures {
  readonly name: string;
  readonly filesPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** The speed, divided by that of each other way. */
  readonly ratios: { readonly [name: string]: number };
}

/** The outcome of a comparison. */
export interface Comparison {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
  readonly rounds: number;
  /** Whether all ways of reading saw the same bytes, except for `changed`. */
  readonly identical: boolean;
  /** The digest over all files, as the first reader saw them. */
  readonly digest: string;
  /** Files whose content differed between the readers, because another process writes to them. */
  readonly changed: string[];
  /** Files and directories that could not be read, with the error's code. */
  readonly unreadable: { readonly path: string; readonly code: string }[];
  readonly results: readonly Figures[];
  /** Whether the run was interrupted; `results` are then those of the rounds before. */
  readonly interrupted: boolean;
}

/** Reports the progress, in files. */
export interface Progress {
  start(total: number): void;
  step(files: number, what: string): void;
  stop(): void;
}

interface Sample {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly files: number;
  readonly bytes: number;
}

/** Reads with `uring/fs` in place of `node:fs/promises`. */
const uringFsReader = (large: ReadonlySet<number>) =>
  new PromisesReader(large, 'uring/fs readFile', uringFs as unknown as typeof node);

/** Compares the ways of reading. Never throws for a single file, only for `path` itself. */
export async function compare(
  path: string,
  options: { readonly rounds: number; readonly progress: Progress; readonly signal: AbortSignal },
): Promise<Comparison> {
  const { rounds, progress, signal } = options;
  const tree = walk(path);
  const large = await findLarge(tree.files);
  const readers: Reader[] = [new RingReader(), uringFsReader(large), new PromisesReader(large), new SyncReader(large)];
  progress.start(tree.files.length * readers.length * (rounds + 1));
  try {
    const seen = new Map<Reader, DigestSink>();
    for (const reader of readers) {
      const sink = new DigestSink();
      const counted = withProgress(sink, progress, `${reader.name}: digest`);
      await reader.read(tree.files, counted, signal);
      counted.finish();
      seen.set(reader, sink);
    }
    const samples = new Map<Reader, Sample[]>(readers.map((reader) => [reader, []]));
    for (let round = 0; round < rounds && !signal.aborted; round++) {
      for (const reader of readers) {
        const sample = await measure(reader, tree.files, signal);
        if (signal.aborted) break;
        samples.get(reader)?.push(sample);
        progress.step(tree.files.length, `${reader.name}: round ${round + 1}`);
      }
    }
    const sinks = [...seen.values()];
    const first = sinks[0] as DigestSink;
    const changed = signal.aborted
      ? []
      : tree.files.filter((_, index) => sinks.some((sink) => sink.of(index) !== first.of(index)));
    const unreadable = tree.files.flatMap((file, index) => {
      const code = first.failures.get(index);
      return code === undefined ? [] : [{ path: file, code }];
    });
    return {
      path,
      files: tree.files.length,
      bytes: first.bytes,
      rounds,
      identical: !signal.aborted && changed.length === 0,
      digest: first.total(tree.files.length),
      changed,
      unreadable: [...tree.unreadable, ...unreadable],
      results: summarize(samples),
      interrupted: signal.aborted,
    };
  } finally {
    progress.stop();
    for (const reader of readers) reader.close();
  }
}

async function measure(reader: Reader, files: readonly string[], signal: AbortSignal): Promise<Sample> {
  const sink = new CountingSink();
  const cpu = process.cpuUsage();
  const start = performance.now();
  await reader.read(files, sink, signal);
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(cpu);
  return { seconds, cpuSeconds: (used.user + used.system) / 1e6, files: sink.files, bytes: sink.bytes };
}

function withProgress(sink: DigestSink, progress: Progress, what: string) {
  let waiting = 0;
  const finish = () => {
    progress.step(waiting, what);
    waiting = 0;
  };
  const settled = () => {
    if (++waiting >= 100) finish();
  };
  return {
    finish,
    piece: (index: number, offset: number, bytes: Uint8Array) => sink.piece(index, offset, bytes),
    failed: (index: number, code: string) => {
      sink.failed(index, code);
      settled();
    },
    done: () => {
      sink.done();
      settled();
    },
  };
}

function summarize(samples: ReadonlyMap<Reader, readonly Sample[]>): Figures[] {
  const complete = [...samples].filter(([, list]) => list.length > 0);
  const speeds = new Map(complete.map(([reader, list]) => [reader.name, median(list.map((s) => s.files / s.seconds))]));
  return complete.map(([{ name }, list]) => ({
    name,
    filesPerSecond: speeds.get(name) as number,
    megabytesPerSecond: median(list.map((s) => s.bytes / s.seconds / 1e6)),
    seconds: median(list.map((s) => s.seconds)),
    cpuSeconds: median(list.map((s) => s.cpuSeconds)),
    ratios: Object.fromEntries(
      complete
        .filter(([other]) => other.name !== name)
        .map(([other, otherList]) => [
          other.name,
          // Round by round, because both were measured at about the same time.
          median(list.map((s, round) => s.files / s.seconds / speedOf(otherList[round]))),
        ]),
    ),
  }));
}

function speedOf(sample: Sample | undefined): number {
  return sample ? sample.files / sample.seconds : Number.NaN;
}

function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
