/**
 * Random programs over files. Each runs on two modules, each with its own tree, and must have the
 * same results, the same errors in every field, and the same trees at the end. fast-check shrinks a
 * failing program, and prints its seed.
 */

import fs, { constants } from 'node:fs';
import type node from 'node:fs/promises';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import fc from 'fast-check';

/** A module under test: the promises API, with the streams of `node:fs`. */
export type Fs = typeof node & Pick<typeof fs, 'createReadStream' | 'createWriteStream'>;

/** A program's state: open handles, in the order in which they were opened. */
export interface State {
  readonly module: Fs;
  readonly root: string;
  readonly handles: node.FileHandle[];
}

export type Step = (state: State) => Promise<unknown>;

/** A step, with its text for the report of a failure. */
export interface Command {
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
/** Lengths of data. */
export const lengths = fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constantFrom(4096, 32_768, 65_536, 70_000, 200_000));
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
  constants.O_RDWR | constants.O_APPEND,
  constants.O_RDWR | constants.O_TRUNC,
  constants.O_RDONLY | constants.O_NONBLOCK,
  constants.O_CREAT | constants.O_WRONLY,
);
const modes = fc.constantFrom(undefined, 0o600, 0o644, '755', 0o400);
const which = fc.integer({ min: 0, max: 7 });

const at = (state: State, name: string) => `${state.root}/${name}`;

/** Runs `body` with one of the open handles. */
const withHandle =
  (index: number, body: (handle: node.FileHandle, state: State) => Promise<unknown>): Step =>
  async (state) => {
    const handle = state.handles[index % Math.max(1, state.handles.length)];
    return handle === undefined ? 'no handle' : body(handle, state);
  };

const described = ({ bytesRead, buffer }: { bytesRead: number; buffer: Buffer }) => [bytesRead, buffer.toString('latin1')];

/** Returns the fields of a stat that are the same in two trees. */
const statOf = (stats: fs.Stats) => [
  stats.size,
  stats.mode,
  stats.nlink,
  stats.isFile(),
  stats.isDirectory(),
  stats.isSymbolicLink(),
];

/** As {@link statOf}, without the size of a directory, which depends on the file system. */
const statFields = (stats: fs.Stats) => (stats.isDirectory() ? statOf(stats).slice(1) : statOf(stats));

const streamRanges = fc.record(
  {
    start: fc.constantFrom(0, 1, 5, 4096, 70_000),
    end: fc.constantFrom(0, 6, 5000, 69_999, 200_000),
    highWaterMark: fc.constantFrom(1000, 4096, 65_536),
  },
  { requiredKeys: [] },
);

/**
 * On a handle, Node refuses a range that ends before it starts, but too late: the handle can no
 * longer be closed.
 */
const soundRanges = streamRanges.filter(({ start = 0, end = Number.POSITIVE_INFINITY }) => start <= end);

/** Collects all data of a stream. */
async function collected(stream: Readable & { bytesRead?: number }): Promise<unknown> {
  let content = '';
  for await (const chunk of stream) content += typeof chunk === 'string' ? chunk : (chunk as Buffer).toString('latin1');
  return [content, stream.bytesRead];
}

/** Writes pieces one after the other, without waiting in between. */
function written(stream: Writable & { bytesWritten?: number }, pieces: readonly Buffer[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.on('close', () => resolve(stream.bytesWritten));
    for (const piece of pieces) stream.write(piece);
    stream.end();
  });
}

/** The steps that programs consist of. */
export const commands: fc.Arbitrary<Command> = fc.oneof(
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
  // Streams
  fc
    .tuple(names, streamRanges, fc.boolean())
    .map(([name, range, text]) =>
      command(`createReadStream ${name} ${JSON.stringify(range)} ${text}`, (state) =>
        collected(state.module.createReadStream(at(state, name), { ...range, ...(text ? { encoding: 'latin1' } : {}) })),
      ),
    ),
  fc
    .tuple(
      names,
      fc.array(content, { maxLength: 4 }),
      fc.constantFrom('w', 'a', 'r+', 'wx'),
      fc.constantFrom(undefined, 0, 3, 5000),
    )
    .map(([name, pieces, flag, start]) =>
      command(`createWriteStream ${name} ${pieces.map(({ length }) => length)} ${flag} ${start}`, (state) =>
        written(
          state.module.createWriteStream(at(state, name), { flags: flag, ...(start === undefined ? {} : { start }) }),
          pieces,
        ),
      ),
    ),
  fc.tuple(which, soundRanges).map(([index, range]) =>
    command(
      `handle ${index} createReadStream ${JSON.stringify(range)}`,
      withHandle(index, (handle) => collected(handle.createReadStream({ ...range, autoClose: false }))),
    ),
  ),
  fc.tuple(which, fc.array(content, { maxLength: 3 })).map(([index, pieces]) =>
    command(
      `handle ${index} createWriteStream ${pieces.map(({ length }) => length)}`,
      withHandle(index, (handle) => written(handle.createWriteStream(), pieces)),
    ),
  ),
  fc.tuple(which, streamRanges).map(([index, range]) =>
    command(
      `handle ${index} createReadStream by descriptor ${JSON.stringify(range)}`,
      withHandle(index, (handle, state) =>
        collected(state.module.createReadStream('', { ...range, fd: handle.fd, autoClose: false })),
      ),
    ),
  ),
  which.map((index) =>
    command(
      `handle ${index} readLines`,
      withHandle(index, async (handle) => {
        // node:readline throws an uncaught exception on a line of 4 GiB.
        if (fs.fstatSync(handle.fd).size > 10_000_000) return 'long';
        const lines: string[] = [];
        for await (const line of handle.readLines({ autoClose: false })) lines.push(line);
        return lines;
      }),
    ),
  ),
  // Other uses of the descriptor
  fc.tuple(which, lengths).map(([index, length]) =>
    command(
      `handle ${index} readSync ${length}`,
      withHandle(index, async (handle) => {
        const buffer = Buffer.alloc(length + 1);
        return [fs.readSync(handle.fd, buffer, 0, length + 1, null), buffer.toString('latin1')];
      }),
    ),
  ),
  fc.tuple(which, fc.string({ minLength: 1 })).map(([index, text]) =>
    command(
      `handle ${index} writeSync ${JSON.stringify(text)}`,
      withHandle(index, async (handle) => fs.writeSync(handle.fd, text)),
    ),
  ),
  // Options and signals
  fc.tuple(which, lengths, positions).map(([index, length, position]) =>
    command(
      `handle ${index} read by options ${length} at ${position}`,
      withHandle(index, async (handle) => described(await handle.read({ buffer: Buffer.alloc(length + 1), length, position }))),
    ),
  ),
  fc.tuple(which, content, positions).map(([index, data, position]) =>
    command(
      `handle ${index} write by options ${data.length} at ${position}`,
      withHandle(index, async (handle) => (await handle.write(data, { position } as never)).bytesWritten),
    ),
  ),
  fc.tuple(names, fc.boolean()).map(([name, aborted]) =>
    command(`readFile ${name} with a signal ${aborted}`, (state) =>
      state.module.readFile(at(state, name), {
        encoding: 'latin1',
        signal: aborted ? AbortSignal.abort() : new AbortController().signal,
      }),
    ),
  ),
  fc
    .tuple(names, content, fc.boolean())
    .map(([name, data, aborted]) =>
      command(`writeFile ${name} ${data.length} with a signal ${aborted}`, (state) =>
        state.module.writeFile(at(state, name), data, { signal: aborted ? AbortSignal.abort() : new AbortController().signal }),
      ),
    ),
  fc
    .tuple(names, fc.array(fc.string(), { maxLength: 4 }))
    .map(([name, pieces]) =>
      command(`writeFile ${name} of an iterable`, (state) => state.module.writeFile(at(state, name), pieces)),
    ),
  // Functions on whole files, over handles
  fc.tuple(which, content).map(([index, data]) =>
    command(
      `handle ${index} appendFile ${data.length}`,
      withHandle(index, (handle) => handle.appendFile(data)),
    ),
  ),
  which.map((index) =>
    command(
      `readFile of handle ${index}`,
      withHandle(index, (handle, state) => state.module.readFile(handle, 'latin1')),
    ),
  ),
  fc.tuple(which, content).map(([index, data]) =>
    command(
      `writeFile to handle ${index} ${data.length}`,
      withHandle(index, (handle, state) => state.module.writeFile(handle, data)),
    ),
  ),
  which.map((index) =>
    command(
      `handle ${index} datasync`,
      withHandle(index, (handle) => handle.datasync()),
    ),
  ),
  fc.tuple(which, fc.constantFrom(0o600, 0o644, 0o444)).map(([index, mode]) =>
    command(
      `handle ${index} chmod ${mode}`,
      withHandle(index, (handle) => handle.chmod(mode)),
    ),
  ),
  fc
    .tuple(names, fc.constantFrom(0o600, 0o755))
    .map(([name, mode]) => command(`chmod ${name} ${mode}`, (state) => state.module.chmod(at(state, name), mode))),
  names.map((name) =>
    command(`utimes ${name}`, async (state) => {
      await state.module.utimes(at(state, name), 1, 2);
      const { atimeMs, mtimeMs } = await state.module.stat(at(state, name));
      return [atimeMs, mtimeMs];
    }),
  ),
  names.map((name) => command(`readlink ${name}`, (state) => state.module.readlink(at(state, name)))),
  names.map((name) =>
    command(`realpath ${name}`, async (state) => path.relative(state.root, await state.module.realpath(at(state, name)))),
  ),
  names.map((name) =>
    command(`opendir ${name}`, async (state) => {
      const found: string[] = [];
      for await (const entry of await state.module.opendir(at(state, name))) found.push(`${entry.name} ${entry.isDirectory()}`);
      return found.sort();
    }),
  ),
  names.map((name) => command(`readdir ${name}`, async (state) => (await state.module.readdir(at(state, name))).sort())),
);

/** Converts an outcome to a form that can be compared: without the path of the tree. */
const plain = (value: unknown, root: string): unknown =>
  JSON.parse(JSON.stringify(value ?? null, (_key, item) => (typeof item === 'string' ? item.replaceAll(root, '<root>') : item)));

/** The time after which a step counts as hanging. */
const STEP_LIMIT_MS = 10_000;

/** Runs a step. @returns Its value, or its error. */
export async function outcomeOf(step: Step, state: State): Promise<unknown> {
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

/** Describes everything in a tree. (`readdirSync`'s own recursion follows links, in circles.) */
export function treeOf(root: string, below = ''): Record<string, unknown> {
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

/** Returns the content of a file. Large files here are sparse, and are not read. */
function hashOf(file: string, size: number): string {
  if (size > 10_000_000) return 'sparse';
  return fs.readFileSync(file).toString('latin1');
}

let count = 0;

/** Creates the tree for a program in a directory of its own: programs also use `..`. */
export function startProgram(module: Fs, directory: string): State {
  const root = `${directory}/program-${count++}/tree`;
  fs.mkdirSync(root, { recursive: true });
  fs.writeFileSync(`${root}/a`, 'the first file');
  fs.mkdirSync(`${root}/d`);
  fs.writeFileSync(`${root}/d/a`, Buffer.alloc(70_000, 'data\n'));
  fs.symlinkSync('a', `${root}/link`);
  return { module, root, handles: [] };
}

/** Restores permissions. A program may revoke its own, which matters for users other than root. */
function openUp(directory: string): void {
  fs.chmodSync(directory, 0o700);
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const inside = path.join(directory, entry.name);
    if (entry.isDirectory()) openUp(inside);
    else if (entry.isFile()) fs.chmodSync(inside, 0o600);
  }
}

/** Closes the handles that a program left open. @returns The final state of its tree. */
export async function finishProgram(state: State): Promise<Record<string, unknown>> {
  for (const handle of state.handles) await handle.close();
  openUp(path.dirname(state.root));
  const tree = treeOf(state.root);
  fs.rmSync(path.dirname(state.root), { recursive: true });
  return tree;
}
