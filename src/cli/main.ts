#!/usr/bin/env node
/**
 * The command `uring`.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { UringUnavailableError } from '../syscalls/index.js';
import { BENCHES, type BenchName, bench } from './bench/bench.js';
import { renderOutcomes } from './bench/report.js';
import { type Comparison, compare, type Progress } from './compare/compare.js';
import { renderComparison } from './compare/report.js';
import { type Diagnosis, diagnose, renderDiagnosis } from './doctor.js';
import { runProgram } from './run.js';
import { renderSamples, samplesOf, threadsOf } from './top.js';
import { view } from './view.js';

/** The version of the JSON that is printed. Higher when a reader must change. */
const JSON_FORMAT = 1;

/** The exit code of a run interrupted by Ctrl-C: 128 + SIGINT. */
const INTERRUPTED = 130;

/** Clears a terminal. */
const CLEAR = '\u001b[H\u001b[2J';

const projectRoot = fileURLToPath(new URL('../..', import.meta.url));
const { version } = JSON.parse(readFileSync(`${projectRoot}/package.json`, 'utf8')) as { version: string };

const program = new Command('uring')
  .description('Linux io_uring for Node.js: what this machine offers, and what it is worth.')
  .version(version)
  .enablePositionalOptions()
  .showHelpAfterError();

program
  .command('doctor')
  .description(
    'examine this machine: is io_uring usable, with what, and if not, why and what to do; exit code 0 if usable, 1 if not',
  )
  .option('--json', 'print JSON')
  .action((options: { json?: true }) => {
    const diagnosis = diagnose();
    print(options.json ? json(diagnosis) : renderDiagnosis(diagnosis));
    process.exitCode = diagnosis.usable ? 0 : 1;
  });

program
  .command('run')
  .description('run a program with uring/register: its files, and what --modules names, go over io_uring')
  .argument('<program...>', 'flags of Node, the program, and its arguments')
  .option('--modules <names>', 'fs, net, http, dgram; default: fs')
  .option('--report', 'print at the end which functions were called, and whether the ring did their work')
  .passThroughOptions()
  .allowUnknownOption()
  .action(async (args: string[], { modules, report }: { modules?: string; report?: true }) => {
    process.exitCode = await runProgram(args, {
      ...(modules === undefined ? {} : { URING_MODULES: modules }),
      ...(report ? { URING_REPORT: '1' } : {}),
    });
  });

program
  .command('compare')
  .description(
    'read every file below PATH through the ring and with node:fs, check that all see the same bytes, and compare speeds',
  )
  .argument('<path>', 'a directory, or a file')
  .option('--json', 'print JSON')
  .option('--rounds <n>', 'timed rounds', positiveInteger, 5)
  .action(async (path: string, options: { json?: true; rounds: number }) => {
    const comparison = await runCompare(path, options.rounds);
    if (comparison) print(options.json ? json(comparison) : render(comparison));
  });

program
  .command('bench')
  .description('measure what the library is worth on this machine: files and connections against Node, or what a NOP costs')
  .argument('<what>', BENCHES.join(', '), benchName)
  .option('--json', 'print JSON')
  .option('--rounds <n>', 'timed rounds', positiveInteger, 9)
  .option('--only <id>', 'only the works whose id starts so: read, write, direct, stream, echo, ...')
  .option('--directory <path>', "where files are made; default: the system's temporary directory")
  .option('--short', 'less of everything, to see whether it works')
  .action(async (what: BenchName, options: { json?: true; rounds: number; only?: string; directory?: string; short?: true }) => {
    const rounds = options.short ? Math.min(3, options.rounds) : options.rounds;
    try {
      const outcomes = await bench(what, { ...options, rounds, progress: progressBar() });
      print(options.json ? json({ rounds, outcomes }) : renderOutcomes(outcomes, rounds, view));
    } catch (error) {
      process.exitCode = 1;
      process.stderr.write(`uring bench: ${(error as Error).message}\n`);
    }
  });

program
  .command('top')
  .description('show what the rings of a running program do, second by second: it must run with --import uring/top')
  .argument('[pid]', 'the process; default: the only one that can be watched', positiveInteger)
  .option('--json', 'print a line of JSON each second')
  .option('--count <n>', 'end after so many seconds', positiveInteger)
  .action(
    async (pid: number | undefined, { json: asJson, count = Number.POSITIVE_INFINITY }: { json?: true; count?: number }) => {
      const controller = new AbortController();
      process.once('SIGINT', () => controller.abort());
      try {
        let left = count;
        for await (const samples of samplesOf(threadsOf(pid), controller.signal)) {
          if (asJson) process.stdout.write(`${JSON.stringify({ format: JSON_FORMAT, samples })}\n`);
          else print(`${view.isTerminal ? CLEAR : ''}${renderSamples(samples, view)}`);
          if (--left === 0) break;
        }
      } catch (error) {
        process.exitCode = 1;
        process.stderr.write(`uring top: ${(error as Error).message}\n`);
      }
    },
  );

program
  .command('start', { hidden: true })
  .argument('[path]', 'a directory; default: the packages installed for this one, or the directory where you are', packages())
  .option('--json', 'print JSON')
  .option('--rounds <n>', 'timed rounds', positiveInteger, 5)
  .action(async (path: string, options: { json?: true; rounds: number }) => {
    const diagnosis = diagnose();
    if (!options.json) print(`${renderDiagnosis(diagnosis)}\n`);
    if (!diagnosis.usable) {
      if (options.json) print(json({ doctor: diagnosis }));
      process.exitCode = 1;
      return;
    }
    const comparison = await runCompare(path, options.rounds);
    if (options.json) print(json({ doctor: diagnosis, compare: comparison }));
    else if (comparison) print(render(comparison));
  });

await program.parseAsync();

async function runCompare(path: string, rounds: number): Promise<Comparison | undefined> {
  const controller = new AbortController();
  const interrupt = () => controller.abort();
  process.once('SIGINT', interrupt);
  try {
    const comparison = await compare(path, { rounds, progress: progressBar(), signal: controller.signal });
    if (comparison.interrupted) process.exitCode = INTERRUPTED;
    return comparison;
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`uring compare: ${(error as Error).message}\n`);
    if (error instanceof UringUnavailableError) process.stderr.write('Run "uring doctor" for more.\n');
    return undefined;
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
}

/** Returns a progress bar if stderr is a terminal, otherwise a progress that shows nothing. */
function progressBar(): Progress {
  if (!process.stderr.isTTY) return { start() {}, step() {}, stop() {} };
  const bar = new SingleBar(
    { format: '{bar} {percentage}% {what}', stream: process.stderr, clearOnComplete: true, hideCursor: true },
    Presets.shades_classic,
  );
  return {
    start: (total) => bar.start(total, 0, { what: '' }),
    step: (files, what) => bar.increment(files, { what }),
    stop: () => bar.stop(),
  };
}

function packages(): string {
  const installed = path.join(projectRoot, 'node_modules');
  return existsSync(installed) ? installed : process.cwd();
}

function render(comparison: Comparison): string {
  return renderComparison(comparison, view);
}

/** See docs/cli.md. */
function json(value: Diagnosis | object): string {
  const about = { format: JSON_FORMAT, uring: version, node: process.version, kernel: os.release() };
  // JSON has no Infinity.
  return JSON.stringify({ ...about, ...value }, (_, item) => (item === Number.POSITIVE_INFINITY ? 'unlimited' : item), 2);
}

function print(text: string): void {
  process.stdout.write(`${view.hasColors ? text : stripVTControlCharacters(text)}\n`);
}

function benchName(text: string): BenchName {
  const name = BENCHES.find((known) => known === text);
  if (name === undefined) throw new InvalidArgumentError(`It must be one of ${BENCHES.join(', ')}.`);
  return name;
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a positive integer.');
  return value;
}
