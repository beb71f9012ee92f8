/**
 * The library on a system that refuses calls: `node restricted.mjs SCENARIO [ARGUMENT...]`. The
 * last line is JSON.
 */

import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { op, URingContext, Uring } from 'uring';
import * as fs from 'uring/fs/promises';
import { Ring } from 'uring/ring';
import { descriptors, pipe } from './process.mjs';
import { forbid } from './seccomp.mjs';

const warnings = [];
process.on('warning', ({ code, name }) => warnings.push(code ?? name));

/**
 * Returns the open descriptors, except for Node's own: libuv keeps /dev/null open in case no
 * descriptor is left.
 */
const opened = () => descriptors(/^(?!\/dev\/null$)(?!.*\/fd$)/);

const told = ({ name, code, errno, reason, syscall, message }) => ({ name, code, errno, reason, syscall, message });

/** Returns how a call ends: with its value, or with an error. */
const endOf = async (body) => {
  try {
    return { value: (await body()) ?? null };
  } catch (error) {
    return { error: told(error) };
  }
};

const directory = mkdtempSync(path.join(os.tmpdir(), 'uring-restricted-'));
chmodSync(directory, 0o755);
const file = path.join(directory, 'file');
writeFileSync(file, 'text');

/** Every entry point. */
const entrances = {
  ring: () => Ring.open({ entries: 4 }).close(),
  context: () => new URingContext(4).close(),
  engine: async () => {
    const uring = Uring.open();
    try {
      await uring.nop();
    } finally {
      await uring.close();
    }
  },
  fs: () => fs.readFile(file, 'utf8'),
};

const tryAll = async () => {
  const results = {};
  for (const [name, body] of Object.entries(entrances)) results[name] = await endOf(body);
  return results;
};

/** Closes the shared engine, if `uring/fs` could open it. */
const closeDefault = () => endOf(() => Uring.default().close());

const becomeNobody = () => {
  process.setgroups([]);
  process.setgid(65534);
  process.setuid(65534);
};

const scenarios = {
  /** Some calls are refused from the start. */
  async refused(errno, ...calls) {
    forbid(calls, Number(errno));
    const before = opened();
    const ends = await tryAll();
    await closeDefault();
    const left = opened().filter((text) => !before.includes(text));
    fs.configure({ fallback: true });
    return { ends, left, fallback: await endOf(entrances.fs) };
  },

  /** Some calls are refused in the middle of the work. */
  async later(errno, ...calls) {
    const uring = Uring.open();
    const { reader, writer } = pipe();
    const target = new Uint8Array(8);
    const waiting = [endOf(() => uring.read(reader, target)), endOf(() => uring.poll(reader, 1))];
    const signal = AbortSignal.timeout(60_000);
    waiting.push(endOf(() => uring.read(reader, new Uint8Array(8), { signal })));
    await uring.nop();
    forbid(calls, Number(errno));
    const after = [endOf(() => uring.nop()), endOf(() => uring.run(op.openat(file))), endOf(() => uring.timeout(1))];
    const ends = await Promise.all([...waiting, ...after]);
    const closing = await endOf(() => uring.close());
    closeSync(reader);
    closeSync(writer);
    return { pending: ends, closing };
  },

  /** No descriptor is left (RLIMIT_NOFILE). */
  async descriptors() {
    // Load everything that would be loaded later.
    await tryAll();
    const uring = Uring.open();
    await uring.nop();
    // The engine must be opened while no descriptor is left: falling back must not be permanent.
    await closeDefault();
    fs.configure({ fallback: true });
    const before = opened();
    const all = [];
    const fill = () => {
      try {
        for (;;) all.push(openSync('/dev/null', 'r'));
      } catch (error) {
        return error.code;
      }
    };
    const reason = fill();
    const none = await tryAll();
    // Two descriptors at once, where the kernel supports that.
    const twoOf = () => (uring.supports('PIPE') ? op.pipe() : op.socket('unix'));
    const running = await endOf(() => uring.nop());
    const openings = [
      await endOf(() => uring.run(op.openat(file))),
      await endOf(() => uring.run(twoOf())),
      await endOf(() => fs.open(file)),
    ];
    // Room for one of two: nothing is left behind.
    if (uring.supports('PIPE')) closeSync(all.pop());
    openings.push(await endOf(() => uring.run(twoOf())));
    if (uring.supports('PIPE')) closeSync(openSync('/dev/null', 'r'));
    for (const fd of all.splice(0)) closeSync(fd);
    const again = await tryAll();
    const backend = fs.backend();
    await uring.close();
    await closeDefault();
    const left = opened().filter((text) => !before.includes(text));
    return { reason, none, running, openings, again, backend, left };
  },

  /** No memory can be locked (RLIMIT_MEMLOCK), and the user is unprivileged. */
  async memory() {
    becomeNobody();
    const before = opened();
    const ends = await tryAll();
    const registered = await endOf(() => {
      const ring = Ring.open({ entries: 4 });
      try {
        ring.buffers.register([new Uint8Array(new SharedArrayBuffer(1 << 16))]);
      } finally {
        ring.close();
      }
    });
    await closeDefault();
    return { ends, registered, left: opened().filter((text) => !before.includes(text)) };
  },

  /** What this machine permits, as nobody or as root. */
  async asIs(who) {
    if (who === 'nobody') becomeNobody();
    const before = opened();
    const ends = await tryAll();
    await closeDefault();
    const left = opened().filter((text) => !before.includes(text));
    fs.configure({ fallback: true });
    return { ends, left, fallback: await endOf(entrances.fs) };
  },
};

const [scenario, ...rest] = process.argv.slice(2);
const result = await scenarios[scenario](...rest);
try {
  rmSync(directory, { recursive: true });
} catch {
  // The user nobody cannot remove it.
}
await new Promise((resolve) => setImmediate(resolve));
console.log(JSON.stringify({ ...result, warnings }));
