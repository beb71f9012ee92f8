/**
 * Random programs, the same on `uring/fs` and on `node:fs/promises`, each on a tree of its own: the same results, the same errors in every
 * field, and the same trees at the end.
 */

import fs, { constants } from 'node:fs';
import node from 'node:fs/promises';
import path from 'node:path';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import * as uringFs from '../../src/fs/index.js';
import { Uring } from '../../src/index.js';
import { temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { within } from '../helpers/slow.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

type Fs = typeof node;

/** A program's state: open handles, in the order in which they were opened. */
interface State {
  readonly module: Fs;
  readonly root: string;
  readonly handles: node.FileHandle[];
}

type Step = (state: State) => Promise<unknown>;

/** A step with its text, for the report of a failure. */
interface Command {
  readonly text: string;
  readonly run: Step;
}

const command = (text: string, run: Step): Command => ({ text, run });

const names = fc.constantFrom(
  'a',
  'b',
  'c',
  'd',
  'd/a',
  'd/b',
  'd/e',
  'd/e/a',
  'link',
  'none/x',
  'a/x',
  '',
  '.',
  '..',
  'd/',
  'a/',
);
const lengths = fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constantFrom(4096, 32_768, 65_536, 70_000, 200_000));
const positions = fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 100 }), fc.constantFrom(4096, 70_000, 2 ** 32 + 3));
const content = fc.tuple(lengths, fc.integer({ min: 0, max: 255 })).map(([length, byte]) => Buffer.alloc(length, byte));
const flags = fc.constantFrom(
  'r',
  'r+',
  'w',
  'w+',
  'wx',
  'a',
  'a+',
  'ax',
  'as',
  'rs+',
  constants.O_RDWR,
  constants.O_CREAT | constants.O_WRONLY,
);
const modes = fc.constantFrom(undefined, 0o600, 0o644, '755', 0o400);
const which = fc.integer({ min: 0, max: 7 });

const at = (state: State, name: string) => `${state.root}/${name}`;

/** One of the open handles. */
const withHandle =
  (index: number, body: (handle: node.FileHandle, state: State) => Promise<unknown>): Step =>
  async (state) => {
    const handle = state.handles[index % Math.max(1, state.handles.length)];
    return handle === undefined ? 'no handle' : body(handle, state);
  };

const described = ({ bytesRead, buffer }: { bytesRead: number; buffer: Buffer }) => [bytesRead, buffer.toString('latin1')];

/** What of a stat is the same in two trees. */
const statOf = (stats: fs.Stats) => [
  stats.size,
  stats.mode,
  stats.nlink,
  stats.isFile(),
  stats.isDirectory(),
  stats.isSymbolicLink(),
];

/** A directory's size is the file system's affair. */
const statFields = (stats: fs.Stats) => (stats.isDirectory() ? statOf(stats).slice(1) : statOf(stats));

const commands: fc.Arbitrary<Command> = fc.oneof(
  fc.tuple(names, flags, modes).map(([name, flag, mode]) =>
    command(`open ${name} ${flag} ${mode}`, async (state) => {
      const handle = await state.module.open(at(state, name), flag, mode);
      state.handles.push(handle);
      return typeof handle.fd;
    }),
  ),
  fc.tuple(which, lengths, positions).map(([index, length, position]) =>
    command(
      `handle ${index} read ${length} at ${position}`,
      withHandle(index, async (handle) => described(await handle.read(Buffer.alloc(length), 0, length, position))),
    ),
  ),
  fc.tuple(which, content, positions).map(([index, data, position]) =>
    command(
      `handle ${index} write ${data.length} at ${position}`,
      withHandle(index, async (handle) => (await handle.write(data, 0, data.length, position)).bytesWritten),
    ),
  ),
  fc.tuple(which, fc.string(), positions).map(([index, text, position]) =>
    command(
      `handle ${index} write text ${JSON.stringify(text)} at ${position}`,
      withHandle(index, async (handle) => handle.write(text, position)),
    ),
  ),
  fc.tuple(which, fc.array(lengths, { maxLength: 4 }), positions).map(([index, sizes, position]) =>
    command(
      `handle ${index} readv ${sizes} at ${position}`,
      withHandle(index, async (handle) => {
        const { bytesRead, buffers } = await handle.readv(
          sizes.map((size) => Buffer.alloc(size)),
          position ?? undefined,
        );
        return [
          bytesRead,
          buffers.map((buffer) =>
            Buffer.from(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength).toString('latin1'),
          ),
        ];
      }),
    ),
  ),
  fc.tuple(which, fc.array(content, { maxLength: 4 }), positions).map(([index, data, position]) =>
    command(
      `handle ${index} writev ${data.map(({ length }) => length)} at ${position}`,
      withHandle(index, async (handle) => (await handle.writev(data, position ?? undefined)).bytesWritten),
    ),
  ),
  which.map((index) =>
    command(
      `handle ${index} readFile`,
      withHandle(index, (handle) => handle.readFile('latin1')),
    ),
  ),
  fc.tuple(which, content).map(([index, data]) =>
    command(
      `handle ${index} writeFile ${data.length}`,
      withHandle(index, (handle) => handle.writeFile(data)),
    ),
  ),
  fc.tuple(which, fc.integer({ min: -5, max: 100_000 })).map(([index, length]) =>
    command(
      `handle ${index} truncate ${length}`,
      withHandle(index, (handle) => handle.truncate(length)),
    ),
  ),
  which.map((index) =>
    command(
      `handle ${index} stat`,
      withHandle(index, async (handle) => statFields(await handle.stat())),
    ),
  ),
  which.map((index) =>
    command(
      `handle ${index} sync`,
      withHandle(index, (handle) => handle.sync()),
    ),
  ),
  which.map((index) =>
    command(
      `handle ${index} close`,
      withHandle(index, (handle) => handle.close()),
    ),
  ),
  fc
    .tuple(names, flags)
    .map(([name, flag]) =>
      command(`readFile ${name} ${flag}`, (state) =>
        state.module.readFile(at(state, name), { flag: flag as string, encoding: 'latin1' }),
      ),
    ),
  fc
    .tuple(names, content, flags, modes)
    .map(([name, data, flag, mode]) =>
      command(`writeFile ${name} ${data.length} ${flag} ${mode}`, (state) =>
        state.module.writeFile(at(state, name), data, { flag: flag as string, ...(mode === undefined ? {} : { mode }) }),
      ),
    ),
  fc
    .tuple(names, content)
    .map(([name, data]) =>
      command(`appendFile ${name} ${data.length}`, (state) => state.module.appendFile(at(state, name), data)),
    ),
  fc
    .tuple(names, modes)
    .map(([name, mode]) => command(`mkdir ${name} ${mode}`, (state) => state.module.mkdir(at(state, name), mode))),
  names.map((name) =>
    command(`mkdir ${name} recursive`, async (state) => {
      const made = await state.module.mkdir(at(state, name), { recursive: true });
      return made === undefined ? made : path.relative(state.root, made);
    }),
  ),
  names.map((name) => command(`rmdir ${name}`, (state) => state.module.rmdir(at(state, name)))),
  names.map((name) => command(`unlink ${name}`, (state) => state.module.unlink(at(state, name)))),
  fc
    .tuple(
      names.filter((name) => !['', '.', '..'].includes(name)),
      fc.boolean(),
      fc.boolean(),
    )
    .map(([name, recursive, force]) =>
      command(`rm ${name} ${recursive} ${force}`, (state) => state.module.rm(at(state, name), { recursive, force })),
    ),
  fc
    .tuple(names, names)
    .map(([from, to]) => command(`rename ${from} ${to}`, (state) => state.module.rename(at(state, from), at(state, to)))),
  fc
    .tuple(names, names)
    .map(([from, to]) => command(`link ${from} ${to}`, (state) => state.module.link(at(state, from), at(state, to)))),
  fc
    .tuple(names, names)
    .map(([target, name]) => command(`symlink ${target} ${name}`, (state) => state.module.symlink(target, at(state, name)))),
  names.map((name) => command(`stat ${name}`, async (state) => statFields(await state.module.stat(at(state, name))))),
  names.map((name) => command(`lstat ${name}`, async (state) => statFields(await state.module.lstat(at(state, name))))),
  fc
    .tuple(names, fc.constantFrom(undefined, 0, 1, 2, 4))
    .map(([name, mode]) => command(`access ${name} ${mode}`, (state) => state.module.access(at(state, name), mode))),
  fc
    .tuple(names, fc.integer({ min: 0, max: 5000 }))
    .map(([name, length]) => command(`truncate ${name} ${length}`, (state) => state.module.truncate(at(state, name), length))),
  fc
    .tuple(names, names)
    .map(([from, to]) => command(`copyFile ${from} ${to}`, (state) => state.module.copyFile(at(state, from), at(state, to)))),
  names.map((name) => command(`readdir ${name}`, async (state) => (await state.module.readdir(at(state, name))).sort())),
);

/** An outcome in a form that can be compared: without the tree's own name. */
const plain = (value: unknown, root: string): unknown =>
  JSON.parse(JSON.stringify(value ?? null, (_key, item) => (typeof item === 'string' ? item.replaceAll(root, '<root>') : item)));

/** How long a step may take before it counts as hanging. */
const STEP_LIMIT_MS = 10_000;

async function outcomeOf(step: Step, state: State): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, STEP_LIMIT_MS, 'hangs');
  });
  try {
    return plain(await Promise.race([step(state), limit]), state.root);
  } catch (error) {
    const { name, message } = error as Error;
    return plain({ name, message, fields: { ...(error as Error) } }, state.root);
  } finally {
    clearTimeout(timer);
  }
}

/** Everything in a tree. (Not by `readdirSync`'s own recursion, which follows links, in circles.) */
function treeOf(root: string, below = ''): Record<string, unknown> {
  const entries: Record<string, unknown> = {};
  for (const name of fs.readdirSync(path.join(root, below)).sort()) {
    const file = path.join(root, below, name);
    const stats = fs.lstatSync(file);
    const kind = stats.isDirectory()
      ? 'directory'
      : stats.isSymbolicLink()
        ? fs.readlinkSync(file)
        : [stats.size, hashOf(file, stats.size)];
    entries[path.join(below, name)] = [kind, stats.mode, stats.isDirectory() ? 0 : stats.nlink];
    if (stats.isDirectory()) Object.assign(entries, treeOf(root, path.join(below, name)));
  }
  return entries;
}

/** Large files here are holes. */
function hashOf(file: string, size: number): string {
  if (size > 10_000_000) return 'sparse';
  return fs.readFileSync(file).toString('latin1');
}

onLinux(`uring/fs and node:fs/promises do the same${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(within(300_000));
  const directory = temporaryDirectory();
  afterAll(async () => {
    await Uring.default().close();
    directory.remove();
  });
  let count = 0;

  const start = (module: Fs): State => {
    const root = `${directory.path}/tree-${count++}`;
    fs.mkdirSync(root);
    fs.writeFileSync(`${root}/a`, 'the first file');
    fs.mkdirSync(`${root}/d`);
    fs.writeFileSync(`${root}/d/a`, Buffer.alloc(70_000, 'data'));
    fs.symlinkSync('a', `${root}/link`);
    return { module, root, handles: [] };
  };

  const finish = async (state: State) => {
    for (const handle of state.handles) await handle.close();
    const tree = treeOf(state.root);
    fs.rmSync(state.root, { recursive: true, force: true });
    return tree;
  };

  test('one step after the other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(commands, { minLength: 1, maxLength: 30 }), async (program) => {
        const states = [start(uringFs as unknown as Fs), start(node)] as const;
        for (const [index, { text, run }] of program.entries()) {
          const [ours, theirs] = [await outcomeOf(run, states[0]), await outcomeOf(run, states[1])];
          expect({ step: index, text, outcome: ours }).toEqual({ step: index, text, outcome: theirs });
        }
        expect(await finish(states[0])).toEqual(await finish(states[1]));
      }),
      {
        numRuns: Number(process.env.URING_RUNS ?? 300),
        ...(process.env.URING_SEED ? { seed: Number(process.env.URING_SEED) } : {}),
      },
    );
  });

  test('steps at the same time, on files of their own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(lengths, lengths), { minLength: 1, maxLength: 40 }), async (files) => {
        const states = [start(uringFs as unknown as Fs), start(node)] as const;
        const run = (state: State) =>
          Promise.all(
            files.map(async ([first, second], index) => {
              const name = `${state.root}/file-${index}`;
              await state.module.writeFile(name, Buffer.alloc(first, index));
              await state.module.appendFile(name, Buffer.alloc(second, index + 1));
              const handle = await state.module.open(name, 'r+');
              const reads = await Promise.all(
                [0, first, first + second].map((position) => handle.read(Buffer.alloc(second + 1), 0, second + 1, position)),
              );
              await handle.close();
              return [
                reads.map(({ bytesRead, buffer }) => [bytesRead, buffer.toString('latin1')]),
                (await state.module.readFile(name)).length,
              ];
            }),
          );
        expect(await run(states[0])).toEqual(await run(states[1]));
        expect(await finish(states[0])).toEqual(await finish(states[1]));
      }),
      { numRuns: 40 },
    );
  });
});
