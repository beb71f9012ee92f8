/**
 * `npm run simulate`: random programs on the simulated kernel, by seed.
 *
 * One seed is one program of a number of steps. Many seeds are divided among as many processes as
 * there are processors. A process ends at its first failure, and the failure is printed with its
 * seed. The same seed reproduces it.
 */

import { fork } from 'node:child_process';
import os from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { type Outcome, PROGRAM_NAMES, type ProgramName, simulate } from './simulate.js';

const number = (text: string) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('not a whole number');
  return value;
};

const program = (text: string) => {
  if (!(PROGRAM_NAMES as string[]).includes(text)) throw new InvalidArgumentError(`one of ${PROGRAM_NAMES.join(', ')}`);
  return text as ProgramName;
};

interface Options {
  readonly seed?: number;
  readonly steps: number;
  readonly seeds: number;
  readonly first: number;
  readonly jobs: number;
  readonly program?: ProgramName;
  readonly part?: number;
  readonly fail?: number;
}

const options = new Command('simulate')
  .description(
    'Runs random programs on the simulated kernel, and checks that nothing is lost, kept or touched that should not be.',
  )
  .option('--seed <n>', 'run this seed only', number)
  .option('--steps <m>', 'steps of each program', number, 1000)
  .option('--seeds <k>', 'how many seeds', number, 1000)
  .option('--first <n>', 'the first of them', number, 1)
  .option('--jobs <j>', 'processes', number, os.availableParallelism())
  .option('--program <name>', `one of ${PROGRAM_NAMES.join(', ')}; by default the seed decides`, program)
  .option('--fail <p>', 'probability that an operation fails out of the blue', Number)
  .option('--part <i>', 'used by the processes themselves', number)
  .parse()
  .opts<Options>();

/** The report of one process. */
interface Report {
  programs: number;
  steps: number;
  failure: Outcome | undefined;
}

async function runPart(part: number, jobs: number): Promise<Report> {
  const report: Report = { programs: 0, steps: 0, failure: undefined };
  for (let index = part; index < options.seeds; index += jobs) {
    const outcome = await run(options.first + index);
    report.programs++;
    report.steps += outcome.steps;
    if (outcome.failure !== undefined) {
      report.failure = outcome;
      break;
    }
  }
  return report;
}

function run(seed: number): Promise<Outcome> {
  const chaos = options.fail === undefined ? {} : { fail: options.fail };
  return simulate({ seed, chaos }, options.steps, options.program);
}

function print({ seed, program: name, steps, failure }: Outcome): void {
  if (failure === undefined) {
    console.log(`seed ${seed} (${name}): ${steps} steps, nothing wrong`);
    return;
  }
  console.log(`seed ${seed} (${name}) failed at step ${steps}: ${failure.message}\n`);
  for (const line of failure.trace) console.log(`  ${line}`);
  console.log(
    `\nAgain: npm run simulate -- --seed ${seed} --steps ${options.steps}${options.program ? ` --program ${options.program}` : ''}`,
  );
}

if (options.part !== undefined) {
  process.send?.(await runPart(options.part, options.jobs));
  process.disconnect();
} else if (options.seed !== undefined) {
  const outcome = await run(options.seed);
  print(outcome);
  process.exitCode = outcome.failure === undefined ? 0 : 1;
} else {
  const start = performance.now();
  const file = process.argv[1] as string;
  const parts = Array.from({ length: options.jobs }, (_, part) => {
    const child = fork(file, [...process.argv.slice(2), '--part', String(part), '--jobs', String(options.jobs)]);
    return new Promise<Report>((resolve, reject) => {
      child.once('message', (report) => resolve(report as Report));
      child.once('exit', (code, signal) => reject(new Error(`process ${part} ended with ${signal ?? code}`)));
    });
  });
  const reports = await Promise.all(parts);
  for (const { failure } of reports) if (failure !== undefined) print(failure);
  const sum = (field: 'programs' | 'steps') => reports.reduce((total, report) => total + report[field], 0);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${sum('steps')} steps of ${sum('programs')} programs in ${seconds} s, ${options.jobs} processes`);
  process.exitCode = reports.some(({ failure }) => failure !== undefined) ? 1 : 0;
}
