/**
 * Runs programs with Node alone and with `uring/register`, and compares what they print, how they
 * end, and which files they make.
 *
 * A program is a module of `tools`, with these exports:
 *
 * - `title`;
 * - `prepare(directory, scale)` makes its project, once; a scale below 1 makes a smaller one;
 * - `reset(directory)`, optional, runs before each run, after what was made is removed;
 * - `run(directory, scale)` is the program; or `command(directory)` returns the arguments of Node;
 * - `end`, optional: the exit code, if it is not 0;
 * - `environment`, optional, for the program; with `URING_MODULES`, for the modules it is to use;
 * - `made`, optional: paths below the directory that a run makes, and that are compared, except for
 *   those of which `isMade(path)` says no;
 * - `isPlain(line)`, optional: whether a line of the output is compared. Times are not;
 * - `isOrdered`, optional: `false` where lines come in any order.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const REGISTER = here('../../dist/register/preload.js');
const TIME = '/usr/bin/time';
const LONGEST_MS = 180_000;

/** Whether CPU time and memory can be measured here: by GNU time. */
export const canMeasure = fs.existsSync(TIME);

const namesIn = (folder) =>
  fs
    .readdirSync(here(folder))
    .map((file) => path.basename(file, '.mjs'))
    .filter((name) => !['common', 'run', 'client'].includes(name))
    .sort();

/** The names of the programs that work with files. */
export const tools = namesIn('tools');

/** The names of the clients of servers, `client-pg`. What they need is in `SERVICES`. */
export const clients = namesIn('clients').map((name) => `client-${name}`);

const clientOf = (name) => ({
  title: `${name}, with net, http and dgram`,
  environment: { URING_MODULES: 'net,http,dgram' },
  prepare() {},
  command: () => [here(`clients/${name}.mjs`)],
});

/** Prepares a program in a directory of its own, and returns it. */
export async function prepare(name, parent, scale = 1) {
  const program = clients.includes(name) ? clientOf(name.replace('client-', '')) : await import(`./tools/${name}.mjs`);
  const directory = path.join(parent, name);
  fs.mkdirSync(directory);
  await program.prepare(directory, scale);
  return { end: 0, ...program, name, directory, scale };
}

/**
 * Runs a program once.
 *
 * @param overRing with `uring/register`.
 * @returns what is compared (`seen`), and what it took: seconds, seconds of CPU, and bytes of
 *   memory (of the largest of its processes), the last two only where they can be measured.
 */
export async function runOnce(program, overRing) {
  const { directory, environment = {}, made = [], isMade = () => true } = program;
  for (const each of made) fs.rmSync(path.join(directory, each), { recursive: true, force: true });
  await program.reset?.(directory);
  const args = program.command?.(directory) ?? [here('tools/run.mjs'), program.name, directory, String(program.scale)];
  const usage = path.join(os.tmpdir(), `uring-programs-${process.pid}`);
  const env = { ...process.env, NO_COLOR: '1', CI: 'true', NODE_OPTIONS: environment.NODE_OPTIONS ?? '', ...environment };
  if (program.run !== undefined) env.PROGRAM_USAGE = usage;
  if (overRing) env.NODE_OPTIONS = `--import ${REGISTER} ${env.NODE_OPTIONS}`;
  const command = [process.execPath, ...args];
  if (canMeasure) command.unshift(TIME, '--quiet', '-f', '%U %S %M', '-o', usage);
  const start = performance.now();
  const child = spawn(command[0], command.slice(1), {
    cwd: directory,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LONGEST_MS,
  });
  const texts = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (piece) => {
      texts[stream] += piece;
    });
  }
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (...end) => resolve(end));
  });
  const seconds = (performance.now() - start) / 1000;
  const seen = {
    end: signal ?? code,
    stdout: plain(texts.stdout, program),
    stderr: plain(texts.stderr, program),
    made: made.flatMap((each) => listing(path.join(directory, each), each, isMade)),
  };
  if (!canMeasure) return { seen, seconds };
  // A program that is a function writes its own usage, without that of the client of a server.
  const [user, system, kibibytes] = fs.readFileSync(usage, 'utf8').trim().split('\n').at(-1).split(' ').map(Number);
  const own = fs.existsSync(`${usage}.own`) ? JSON.parse(fs.readFileSync(`${usage}.own`, 'utf8')) : undefined;
  for (const file of [usage, `${usage}.own`]) fs.rmSync(file, { force: true });
  return own === undefined
    ? { seen, seconds, cpu: user + system, memory: kibibytes * 1024 }
    : { seen, seconds: own.seconds, cpu: own.cpu, memory: own.memory };
}

/** Returns the first differences of what two runs have shown, as text. */
export function differences(nodes, ours) {
  return Object.keys(nodes).flatMap((key) => {
    const [one, other] = [nodes[key], ours[key]].map((value) => (typeof value === 'string' ? value.split('\n') : [value].flat()));
    const all = Array.from({ length: Math.max(one.length, other.length) }, (_, index) => index);
    const differing = all.filter((index) => one[index] !== other[index]).slice(0, 3);
    return differing.map((index) => `${key}: ${one[index] ?? '(nothing)'} | ${other[index] ?? '(nothing)'}`);
  });
}

/** Removes what differs from run to run. */
function plain(text, { directory, isPlain = () => true, isOrdered = true }) {
  const lines = text
    .replaceAll(fs.realpathSync(directory), 'DIRECTORY')
    .replace(/\(node:\d+\)/g, '(node:PID)')
    .replace(/\b\d+(\.\d+)?\s?(ms|s|m|seconds|milliseconds)\b/g, 'TIME')
    .replace(/\b\d\d:\d\d:\d\d\b/g, 'TIME')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter(isPlain);
  return (isOrdered ? lines : lines.sort()).join('\n');
}

/** Returns a line for each entry of a tree: its type, mode, length, and digest. */
function listing(file, name, isMade) {
  if (!isMade(name)) return [];
  const stats = fs.lstatSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return [`${name} is missing`];
  const mode = (stats.mode & 0o7777).toString(8);
  if (stats.isSymbolicLink()) return [`${name} -> ${fs.readlinkSync(file)}`];
  if (stats.isFile()) {
    const digest = createHash('sha256').update(fs.readFileSync(file)).digest('hex').slice(0, 16);
    return [`${name} ${mode} ${stats.size} ${digest}`];
  }
  const entries = fs.readdirSync(file).sort();
  return [`${name}/ ${mode}`, ...entries.flatMap((entry) => listing(path.join(file, entry), `${name}/${entry}`, isMade))];
}
