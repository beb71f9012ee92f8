/**
 * `npm run programs -- [NAMES] [--rounds N] [--scale S] [--control] [--json FILE] [--markdown]`: runs
 * real programs with Node alone and with `uring/register`, compares what they do, and measures both
 * in turn. With `--control`, also a second run of Node alone in each round, whose ratios, in
 * brackets, show how steady the machine is. Without names, all that work with files; `client` stands
 * for all clients of servers. Fails if a program does anything else with the flag. `--rounds 0`
 * compares only, with the library loaded at the start, so that small programs use it.
 */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { canMeasure, clients, differences, prepare, runOnce, tools } from './runner.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    control: { type: 'boolean', default: false },
    json: { type: 'string' },
    markdown: { type: 'boolean', default: false },
  },
});
const [rounds, scale] = [Number(values.rounds), Number(values.scale)];
const chosen =
  positionals.length === 0
    ? tools
    : [...tools, ...clients].filter((name) => positionals.some((given) => name === given || name.startsWith(`${given}-`)));
if (chosen.length === 0) throw new Error(`There are: ${[...tools, ...clients].join(' ')}`);
if (!canMeasure) console.error('CPU time and memory are not measured: /usr/bin/time (GNU time) is not installed.');

if (rounds === 0) process.env.URING_LOAD_AFTER ??= '0';

/** Starts the servers that clients need. */
async function serve(directory) {
  const entryPoints = [new URL('services.ts', import.meta.url).pathname];
  const outfile = `${directory}.mjs`;
  await build({ entryPoints, bundle: true, platform: 'node', format: 'esm', outfile });
  const { startServices } = await import(outfile);
  // Some servers run as users of their own.
  fs.chmodSync(path.dirname(directory), 0o755);
  fs.mkdirSync(directory);
  const { addresses, stop } = await startServices(directory);
  process.env.SERVICES = JSON.stringify(addresses);
  return stop;
}

const median = (numbers) => [...numbers].sort((one, other) => one - other)[numbers.length >> 1];

const sides = values.control ? ['node', 'uring', 'control'] : ['node', 'uring'];

/** Runs a program both ways, in turn, and returns the figures. */
async function measure(name, parent) {
  const program = await prepare(name, parent, scale);
  // Not measured: fills the page cache.
  const first = await runOnce(program, false);
  const runs = Object.fromEntries(sides.map((side) => [side, []]));
  if (rounds === 0) runs.uring.push(await runOnce(program, true));
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      runs[side].push(await runOnce(program, side === 'uring'));
    }
  }
  const unlike = (side) => runs[side].map(({ seen }) => differences(first.seen, seen)).find(({ length }) => length > 0) ?? [];
  const figures = Object.fromEntries(
    ['seconds', 'cpu', 'memory'].map((what) => {
      const [node, uring, control] = ['node', 'uring', 'control'].map((side) =>
        median((runs[side] ?? []).map((run) => run[what])),
      );
      return [what, { node, uring, ratio: uring / node, ...(values.control ? { control: control / node } : {}) }];
    }),
  );
  return {
    name,
    title: program.title,
    ...figures,
    end: first.seen.end,
    stderr: first.seen.stderr,
    expected: program.end,
    changing: unlike('node'),
    differences: unlike('uring'),
  };
}

const text = (ratio) => (Number.isFinite(ratio) ? ratio.toFixed(2) : '-');

const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'uring-programs-'));
const outcomes = [];
let stop;
try {
  if (chosen.some((name) => clients.includes(name))) stop = await serve(path.join(parent, 'services'));
  for (const name of chosen) {
    const outcome = await measure(name, parent);
    outcomes.push(outcome);
    fs.rmSync(path.join(parent, name), { recursive: true });
    const { title, seconds, cpu, memory, changing, differences: different } = outcome;
    const ratios = [seconds, cpu, memory].map(({ ratio, control }) =>
      [text(ratio), ...(values.control ? [`(${text(control)})`] : [])].join(' '),
    );
    const cells = [title, seconds.node?.toFixed(2) ?? '-', ...ratios, different.length === 0 ? 'same' : 'differs'];
    console.log(values.markdown ? `| ${cells.join(' | ')} |` : cells.join('  '));
    for (const line of different) console.log(`    ${line}`);
    // What differs with Node alone says nothing.
    if (changing.length > 0) console.log(`    with Node alone: ${changing.join('; ')}`);
    if (outcome.end !== outcome.expected) console.log(`    ends with ${outcome.end}: ${outcome.stderr}`);
    if (different.length > 0 || outcome.end !== outcome.expected) process.exitCode = 1;
  }
} finally {
  await stop?.();
  fs.rmSync(parent, { recursive: true, force: true });
}
if (values.json !== undefined) {
  const machine = `${os.cpus()[0].model}, ${os.cpus().length} CPUs, Linux ${os.release()}, Node ${process.version}`;
  fs.writeFileSync(values.json, JSON.stringify({ machine, rounds, scale, outcomes }, null, 2));
}
