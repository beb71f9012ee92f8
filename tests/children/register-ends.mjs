/**
 * Programs whose ends are compared with `uring/register` and without:
 * `node [--import uring/register] register-ends.mjs SCRIPT DIRECTORY`. They know nothing of the ring.
 */

import { EventEmitter, once } from 'node:events';
import fs from 'node:fs';
import inspector from 'node:inspector';
import { promisify } from 'node:util';
import v8 from 'node:v8';

const [, , script, directory] = process.argv;
const file = `${directory}/file`;
const print = (value) => fs.writeSync(1, `${JSON.stringify(value)}\n`);

/** Many operations that do not end before the program does. */
function beginMany() {
  for (let index = 0; index < 32; index++) {
    fs.promises.readFile(file);
    fs.promises.stat(`${directory}/none/${index}`).catch(() => undefined);
  }
}

const scripts = {
  /** What is pending at `process.exit()` is lost; what was reported is not. */
  async 'pending at exit'() {
    await fs.promises.writeFile(`${directory}/reported`, 'reported');
    for (let index = 0; index < 8; index++) {
      fs.promises.writeFile(`${directory}/pending-${index}`, 'pending').then(() => print('written after the end'));
      fs.writeFile(`${directory}/callback-${index}`, 'pending', () => print('called back after the end'));
    }
    process.on('exit', (code) => print(['exit', code]));
    process.exit(3);
  },
  /** Nothing is pending: the program ends by itself, with what its listeners do. */
  async 'ends by itself'() {
    process.on('beforeExit', () => print('beforeExit')).on('exit', (code) => print(['exit', code]));
    await fs.promises.readFile(file);
    print(fs.readFileSync(file, 'utf8'));
  },
  async 'throws in a callback'() {
    process.on('exit', (code) => print(['exit', code]));
    fs.readFile(file, () => {
      beginMany();
      throw new Error('thrown in a callback');
    });
  },
  async 'rejects without a handler'() {
    process.on('exit', (code) => print(['exit', code]));
    beginMany();
    fs.promises.readFile(`${directory}/none`);
  },
  async 'an exception that is handled'() {
    process.on('uncaughtException', ({ message }, origin) => print([message, origin]));
    fs.stat(file, () => {
      throw new Error('thrown in a callback');
    });
    await promisify(setTimeout)(20);
    print(String(await fs.promises.readFile(file)));
  },
  async 'a signal ends it'() {
    beginMany();
    process.kill(process.pid, 'SIGTERM');
    await once(new EventEmitter(), 'never');
  },
  async 'a signal is handled'() {
    process.once('SIGINT', (signal) => {
      print(signal);
      process.exit(4);
    });
    fs.createReadStream('/dev/zero').resume();
    process.kill(process.pid, 'SIGINT');
  },
  async aborts() {
    process.on('exit', () => print('not printed'));
    beginMany();
    process.abort();
  },
  /** A library that closes a descriptor behind another's back. */
  async 'a descriptor is closed behind a reader'() {
    const codes = [];
    const fd = fs.openSync(file);
    fs.closeSync(fd);
    codes.push(await promisify(fs.read)(fd, Buffer.alloc(4), 0, 4, 0).then(String, ({ code }) => code));
    codes.push(await promisify(fs.fstat)(fd).then(String, ({ code }) => code));
    const stream = fs.createReadStream(file, { highWaterMark: 1 });
    await once(stream, 'open');
    fs.closeSync(stream.fd);
    const [error] = await once(stream.resume(), 'error');
    codes.push(error.code, error.syscall);
    const other = fs.createWriteStream(`${directory}/other`);
    await once(other, 'open');
    fs.closeSync(other.fd);
    other.write('data');
    codes.push((await once(other, 'error'))[0].code);
    print(codes);
  },
  /** A profiler in the process. */
  async profiled() {
    const session = new inspector.Session();
    session.connect();
    const post = promisify(session.post).bind(session);
    await post('Profiler.enable');
    await post('Profiler.start');
    for (let index = 0; index < 100; index++) await fs.promises.readFile(file);
    const { profile } = await post('Profiler.stop');
    const snapshot = v8.writeHeapSnapshot(`${directory}/snapshot.heapsnapshot`);
    print([profile.nodes.length > 1, fs.statSync(snapshot).size > 0]);
    fs.rmSync(snapshot);
  },
  /** For a debugger. */
  async debugged() {
    const text = await fs.promises.readFile(file, 'utf8');
    // biome-ignore lint/suspicious/noDebugger: it is what is tested.
    debugger;
    print(text);
  },
};

await scripts[script]();
