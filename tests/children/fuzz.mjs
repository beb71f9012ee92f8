/**
 * Calls public functions with arbitrary values: `node fuzz.mjs TARGET SEED RUNS FILE`. Each call
 * either works or fails with a typed error. Nothing crashes, and the engine can still be closed,
 * which settles everything. Before each call, the case is written to FILE: a crash leaves it there.
 *
 * The fuzzer must not do what no process could survive: close descriptors of other code, or name
 * files outside of its directory.
 */

import { openSync, writeFileSync, writeSync } from 'node:fs';
import fc from 'fast-check';
import * as uring from 'uring';
import callbacks, { createReadStream, createWriteStream } from 'uring/fs';
import * as promises from 'uring/fs/promises';
import * as low from 'uring/ring';
import { SimulatedKernel } from 'uring/testing';

/** The functions with promises, and the streams. */
const fs = { ...promises, createReadStream, createWriteStream };

const [target, seed, runs, file] = process.argv.slice(2);
const journal = openSync(file, 'w');
writeFileSync('data', 'content');
const descriptor = openSync('data', 'r+');
const failures = [];

const detached = () => {
  const bytes = new Uint8Array(16);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
};

/** Names stay in the directory: no slashes, no dots that lead out of it. */
const name = fc.oneof(
  fc.constantFrom('data', 'missing', '', 'dir', 'a\0b', 'x'.repeat(300)),
  fc.string({ maxLength: 20 }).map((text) => text.replaceAll('/', '_').replaceAll('..', '__')),
);

/** Small numbers: except on the simulated kernel, only those that are not a descriptor in use. */
const number = fc.oneof(
  fc.constantFrom(-1, -2, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 31), 100_000, descriptor),
  fc.integer({ min: 100_000 }),
  ...(target === 'ring' ? [fc.nat(64), fc.nat()] : []),
);

const memory = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.constant(new Float64Array(4)),
  fc.constant(new DataView(new ArrayBuffer(8))),
  fc.constant(new SharedArrayBuffer(32)),
  fc.constant(new Int32Array(new SharedArrayBuffer(16))),
  fc.constantFrom(0).map(detached),
);

const OPTIONS = [
  ...[
    'offset',
    'flags',
    'mode',
    'encoding',
    'flag',
    'signal',
    'timeoutMs',
    'recursive',
    'force',
    'bigint',
    'start',
    'end',
    'count',
    'slot',
  ],
  ...[
    'directory',
    'bufferSize',
    'buffers',
    'highWaterMark',
    'entries',
    'cqEntries',
    'family',
    'address',
    'port',
    'path',
    'length',
    'position',
  ],
  ...[
    'group',
    'incremental',
    'memory',
    'userData',
    'fd',
    'opcode',
    'hard',
    'datasync',
    'optionalFlags',
    'eventLoop',
    'callSites',
    'fallback',
  ],
];

const leaf = fc.oneof(
  number,
  name,
  memory,
  fc.bigInt(),
  fc.boolean(),
  fc.constantFrom(
    undefined,
    null,
    'utf8',
    'hex',
    'r',
    'w',
    'a',
    'stream',
    'unix',
    'IPv4',
    'IPv6',
    AbortSignal.abort(),
    Symbol('x'),
  ),
);
const options = fc.dictionary(fc.constantFrom(...OPTIONS), leaf, { maxKeys: 5 });
const address = fc.record(
  { family: fc.constantFrom('IPv4', 'IPv6', 'unix'), address: name, port: number, path: name },
  { requiredKeys: [] },
);
const anything = fc.oneof(
  { weight: 6, arbitrary: leaf },
  { weight: 3, arbitrary: options },
  { weight: 1, arbitrary: address },
  { weight: 1, arbitrary: fc.array(leaf, { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.anything() },
  { weight: 1, arbitrary: fc.constantFrom(() => undefined, new Map(), new Date(0), /x/) },
);

/** A typed error has its own class or a code. */
function check(call, error) {
  const typed = error instanceof Error && (typeof error.code === 'string' || error.name === 'AbortError');
  // Unusual arguments are left to Node's own functions, which have untyped errors.
  const isNodes = /^ {4}at .*\(?node:/.test(
    String(error?.stack)
      .split('\n')
      .find((line) => line.startsWith('    at ')) ?? '',
  );
  // Values that cannot even be inspected (getters and conversions that throw) fail in their own
  // way.
  if (!typed && !isNodes && !/Cannot convert|Symbol\.|toPrimitive|valueOf|detached ArrayBuffer/.test(String(error?.message)))
    failures.push(`${call}: ${error?.stack ?? error}`);
}

function text(value) {
  try {
    return fc.stringify(value);
  } catch {
    return '?';
  }
}

const pending = new Set();

/** Calls one function. */
function call(label, body, args) {
  const what = `${label}(${args.map(text).join(', ')})`;
  writeSync(journal, `${what.slice(0, 2000)}\n`.padEnd(2001), 0);
  try {
    const result = body(...args);
    if (typeof result?.then === 'function') {
      const settled = Promise.resolve(result)
        .then(
          (value) => leave(value),
          (error) => check(what, error),
        )
        .finally(() => pending.delete(entry));
      const entry = { what, settled };
      pending.add(entry);
    } else {
      leave(result);
    }
  } catch (error) {
    check(what, error);
  }
}

/** Releases what a call has created. */
function leave(value) {
  if (value instanceof uring.Uring && value !== uring.Uring.default()) void value.close();
  else if (value instanceof low.Ring || value instanceof uring.URingContext) value.close();
  else if (value?.constructor?.name === 'FileHandle') void value.close().catch(() => undefined);
  // Lines that are not read: the handle would wait for them.
  else if (typeof value?.close === 'function' && typeof value?.prompt === 'function') value.input.destroy();
  else if (typeof value?.destroy === 'function') value.on?.('error', () => undefined).destroy();
  else if (typeof value?.return === 'function') void Promise.resolve(value.return()).catch(() => undefined);
}

const functionsOf = (object, skip = []) =>
  Object.entries(object)
    .filter(([key, value]) => typeof value === 'function' && !skip.includes(key) && !/^[A-Z]/.test(key))
    .map(([key, value]) => [key, (...args) => value.apply(object, args)]);

/** Returns the methods of a class, bound to an instance. */
const methodsOf = (object, skip = []) => {
  const names = new Set();
  for (let at = Object.getPrototypeOf(object); at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const key of Object.getOwnPropertyNames(at)) names.add(key);
  }
  return [...names]
    .filter(
      (key) =>
        key !== 'constructor' &&
        !skip.includes(key) &&
        typeof Object.getOwnPropertyDescriptor(Object.getPrototypeOf(object), key)?.value === 'function',
    )
    .map((key) => [key, (...args) => object[key](...args)]);
};

/** Members that only the library's own parts call. */
const INTERNAL = ['hold', 'map', 'napi'];

/** Node 20 aborts the process for a mode that is not an int32. */
const modeFor = (mode) => (typeof mode !== 'number' || (mode | 0) === mode ? mode : undefined);

const TARGETS = {
  /** Descriptions of operations, run on the real kernel. */
  engine() {
    const engine = uring.Uring.open();
    const run = methodsOf(engine, [
      'close',
      'closeDescriptor',
      'checkEnter',
      'duplicateDescriptor',
      'closeFile',
      'closeOwned',
      'closedError',
      'checkOpen',
      'closeNow',
      'seek',
      'closeAtThreadEnd',
    ]);
    const open = ['Uring', (...args) => uring.Uring.open(...args)];
    return { functions: [...run, open], end: () => engine.close() };
  },
  fs() {
    const functions = functionsOf(fs, ['watch', 'glob', 'open', 'chmod', 'opendir']);
    const open = ['open', (path, flags, mode) => fs.open(path, flags, modeFor(mode))];
    const chmod = ['chmod', (path, mode) => fs.chmod(path, modeFor(mode))];
    return { functions: [...functions, open, chmod], end: () => uring.Uring.default().close() };
  },
  /** The functions with callbacks: the promise settles with what they pass to the callback. */
  callbacks() {
    const names = ['access', 'exists', 'fstat', 'lstat', 'read', 'readFile', 'readlink', 'readv', 'realpath', 'stat'];
    // A function before the last argument would be the callback. Node 20 aborts the process for a
    // descriptor that is a symbol. Node checks the descriptors of `readFile` too late to be caught.
    const isFor = (key, args) =>
      !args.some((arg) => typeof arg === 'function' || typeof arg === 'symbol') &&
      (key !== 'readFile' || typeof args[0] !== 'number');
    const functions = names.map((key) => [
      key,
      (...args) =>
        new Promise((resolve, reject) => {
          if (isFor(key, args)) callbacks[key](...args, (error) => (error instanceof Error ? reject(error) : resolve()));
          else resolve();
        }),
    ]);
    return { functions, end: () => uring.Uring.default().close() };
  },
  handle() {
    let handle;
    return {
      functions: [
        ...[
          'read',
          'write',
          'readMany',
          'readv',
          'writev',
          'readFile',
          'writeFile',
          'appendFile',
          'stat',
          'truncate',
          'utimes',
          'sync',
          'datasync',
        ],
        ...['createReadStream', 'createWriteStream', 'readLines'],
      ]
        .map((key) => [key, (...args) => handle[key](...args)])
        .concat([['chmod', (mode) => handle.chmod(modeFor(mode))]]),
      begin: async () => {
        handle = await fs.open('data', 'r+');
      },
      end: async () => {
        await handle.close();
        await uring.Uring.default().close();
      },
    };
  },
  /**
   * The context, and everything that fills an SQE, on the simulated kernel: there, invalid
   * addresses are EFAULT.
   */
  ring() {
    const kernel = new SimulatedKernel();
    kernel.createFile(Buffer.from('content'));
    const ring = low.Ring.open({ entries: 16, syscalls: kernel });
    const context = new uring.URingContext(16, { syscalls: kernel });
    const prepared = functionsOf(low)
      .filter(([key]) => key.startsWith('prep'))
      .map(([key, prepare]) => [
        key,
        (...args) => {
          const sqe = ring.getSqe();
          if (sqe === null) {
            ring.submit();
            ring.forEachCqe(() => undefined);
            return;
          }
          try {
            prepare(sqe, ...args);
          } catch (error) {
            low.prepNop(sqe);
            throw error;
          }
        },
      ]);
    const others = functionsOf(low).filter(([key]) => !key.startsWith('prep'));
    const ofContext = methodsOf(context).filter(([key]) => /^(add[A-Z]|remove|async)/.test(key));
    const parts = [ring.files, ring.buffers, ring.settings, ring.workers, ring.bufferRings].flatMap((part) =>
      methodsOf(part, INTERNAL),
    );
    const open = [
      'Ring',
      (options) => low.Ring.open(options !== null && typeof options === 'object' ? { ...options, syscalls: kernel } : options),
    ];
    return {
      functions: [...prepared, ...others, ...ofContext, ...parts, open],
      end: () => {
        context.close();
        ring.close();
      },
    };
  },
};

process.on('uncaughtException', (error) => failures.push(`uncaught: ${error.stack}`));
process.on('unhandledRejection', (error) => failures.push(`unhandled: ${error?.stack ?? error}`));
process.removeAllListeners('warning');
process.on('warning', () => undefined);

const { functions, begin, end } = TARGETS[target]();
await begin?.();
const cases = fc.sample(fc.tuple(fc.nat(functions.length - 1), fc.array(anything, { maxLength: 5 })), {
  seed: Number(seed),
  numRuns: Number(runs),
});
for (const [index, args] of cases) {
  const [label, body] = functions[index];
  call(label, body, args);
  if (index % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
}
await end();
const deadline = new Promise((resolve) => setTimeout(resolve, 10_000, 'late'));
if ((await Promise.race([Promise.all([...pending].map(({ settled }) => settled)), deadline])) === 'late') {
  for (const { what } of pending) failures.push(`not settled: ${what}`);
}
console.log(JSON.stringify({ functions: functions.length, failures: failures.slice(0, 5) }));
process.exit(0);
