/**
 * Random programs over the engine: files, pipes, sockets, names, timeouts, chains, iterators, whole
 * small files. Operations are aborted at any moment, and the engine is closed at the end. Each
 * promise settles once, with the right bytes, and all memory returns to the pool.
 */

import type { Block } from '../../src/engine/memory/pool.js';

import { type Chunk, type MultishotIterator, op, PollEvent, type RunOptions, Uring } from '../../src/index.js';
import { transferFile } from '../helpers/transfer-file.js';
import { byteAt, contentOf, matches, Violation, type World } from './world.js';

const FILE_SIZE = 100_000;
const FILES = 3;

/** The size of the pool block that a chain for reading small files uses. */
const CHAIN_BLOCK = 65_536;

/** The error codes with which an operation may fail. */
const EXPECTED = new Set([
  'ABORT_ERR',
  'ENOENT',
  'EEXIST',
  'EBADF',
  'EPIPE',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTCONN',
  'EAGAIN',
  'ENODATA',
  'ENOTEMPTY',
  'EISDIR',
  'ENOTDIR',
  'EINVAL',
  'ERR_INVALID_STATE',
]);

/** Waits a turn of the event loop, in which everything settles that can. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Runs one program. */
export async function runEngineProgram(world: World, steps: number): Promise<void> {
  const program = new EngineProgram(world);
  for (let step = 0; step < steps; step++) {
    program.step();
    if (world.random.chance(0.5)) await turn();
    program.check();
  }
  await program.end();
}

class EngineProgram {
  private readonly uring: Uring;
  private readonly files: number[];
  private readonly pipe: [number, number];
  private readonly sockets: [number, number];
  private readonly fds: number[];
  /** The promises that have not settled yet. */
  private readonly pending = new Map<number, string>();
  private readonly controllers: AbortController[] = [];
  private readonly iterators: MultishotIterator<unknown>[] = [];
  private failure: Error | undefined;
  private next = 1;
  private names = 0;
  private chainsCutOff = 0;
  /** Whether the engine is closing: operations may end incomplete. */
  private closing = false;

  constructor(private readonly world: World) {
    const { random, kernel } = world;
    kernel.putFile('/dir/small', contentOf(7, 5000));
    this.files = Array.from({ length: FILES }, (_, index) => kernel.createFile(contentOf(index, FILE_SIZE)));
    this.pipe = kernel.createPipe();
    this.sockets = kernel.createSocketPair();
    this.fds = [...this.files, ...this.pipe, ...this.sockets];
    const entries = random.pick([4, 8, 64]);
    this.uring = Uring.open({ entries, cqEntries: random.pick([entries, 2 * entries]), syscalls: kernel });
    this.guardPool();
  }

  /** Checks that no block returns to the pool while the kernel may use it. */
  private guardPool(): void {
    const { pool } = this.uring.engine.memory;
    const { ownership } = this.world.kernel;
    const give = pool.give.bind(pool);
    pool.give = (block: Block) => {
      if (ownership.holds(block.address, block.size)) this.fail(new Violation('a block was given back while the kernel has it'));
      give(block);
    };
  }

  /** Whether operations may end incomplete. */
  private get mayStopEarly(): boolean {
    return this.closing || this.world.mayFail;
  }

  step(): void {
    const { random, kernel } = this.world;
    switch (random.below(10)) {
      case 0:
        kernel.progress();
        break;
      case 1:
        kernel.advance(random.below(20));
        break;
      case 2:
        kernel.writeFile(this.pipe[1], contentOf(5, random.between(1, 500)));
        break;
      case 3:
        kernel.writeFile(this.sockets[1], contentOf(6, random.between(1, 500)));
        break;
      case 4:
        if (this.controllers.length > 0) random.pick(this.controllers).abort();
        break;
      default:
        for (let count = random.between(1, 4); count > 0; count--) this.start();
    }
  }

  check(): void {
    this.world.check();
    if (this.failure !== undefined) throw this.failure;
  }

  // Operations

  private start(): void {
    const { random } = this.world;
    const { uring } = this;
    const file = random.below(FILES);
    const fd = this.files[file] as number;
    const position = random.below(FILE_SIZE);
    const length = random.chance(0.1) ? random.between(60_000, 90_000) : random.between(1, 3000);
    const options = this.someOptions();
    switch (random.below(20)) {
      case 0:
      case 1: {
        const memory = this.someMemory(length);
        const read = uring.read(fd, memory.view, { offset: position, ...options });
        this.watch('read', read, (count) => this.checkBytes(memory.view.subarray(0, count), file, position), memory.release);
        break;
      }
      case 2: {
        const views = [new Uint8Array(length), new Uint8Array(100)];
        const read = uring.readv(fd, views, { offset: position, ...options });
        this.watch('readv', read, (count) => this.checkBytes(Buffer.concat(views).subarray(0, count), file, position));
        break;
      }
      case 3:
        this.watch('write', uring.write(fd, pieceOf(file, position, length), { offset: position, ...options }));
        break;
      case 4:
        this.watch('transfer', this.transferRead(file, fd, position, length));
        break;
      case 5:
        this.watch('transfer', this.transferWrite(file, fd, position, length));
        break;
      case 6:
        this.watch('whole file', this.wholeFile());
        break;
      case 7:
        this.watch('new file', this.newFile());
        break;
      case 8:
        this.watch('names', this.someNames(options));
        break;
      case 9:
        this.watch('timeout', uring.timeout(random.below(30), options));
        break;
      case 10:
        this.watch('poll', uring.poll(this.pipe[0], PollEvent.IN, options));
        break;
      case 11:
        this.watch('read of a pipe', uring.read(this.pipe[0], new Uint8Array(64), options));
        break;
      case 12:
        this.watch('chain', this.chain(file, fd, position, length));
        break;
      case 13:
        if (this.iterators.length < 3) this.watch('iterator', this.iterate());
        break;
      case 14:
        this.watch('connection', this.connection());
        break;
      case 15:
        this.watch('send', uring.send(this.sockets[0], contentOf(3, length), options));
        break;
      case 16:
        this.watch('zero-copy send', uring.sendZc(this.sockets[0], contentOf(3, length), options));
        break;
      case 17:
        this.watch('recv', uring.recv(this.sockets[1], new Uint8Array(500), options));
        break;
      case 18:
        this.watch('stat', uring.statx('/dir/small', options), (stats) => this.expect(stats.size === 5000, 'a wrong size'));
        break;
      default:
        this.watch('nop', uring.nop(options));
    }
  }

  private someOptions(): RunOptions {
    const { random } = this.world;
    const options: { signal?: AbortSignal; timeoutMs?: number } = {};
    if (random.chance(0.3)) {
      const controller = new AbortController();
      this.controllers.push(controller);
      if (this.controllers.length > 10) this.controllers.shift();
      options.signal = controller.signal;
    }
    if (random.chance(0.1)) options.timeoutMs = random.below(20);
    return options;
  }

  private someMemory(length: number): { readonly view: Uint8Array; readonly release: () => void } {
    const { random } = this.world;
    if (random.chance(0.6)) return { view: new Uint8Array(length), release: () => undefined };
    const pooled = this.uring.buffers.allocate(length);
    return { view: pooled.bytes, release: () => pooled.release() };
  }

  /** Reads as `FileHandle` does: without a copy if the data is there. */
  private async transferRead(file: number, fd: number, position: number, length: number): Promise<void> {
    const view = new Uint8Array(length);
    const count = await this.uring.transfers.read(transferFile(fd), view, 0, length, position, (done) => done);
    this.checkBytes(view.subarray(0, count), file, position);
    const there = Math.max(0, Math.min(length, FILE_SIZE - position));
    this.expect(count >= there || this.mayStopEarly, () => `a read at ${position} of ${length} gave ${count}`);
  }

  private async transferWrite(file: number, fd: number, position: number, length: number): Promise<void> {
    const count = await this.uring.transfers.write(
      transferFile(fd),
      pieceOf(file, position, length),
      0,
      length,
      position,
      (done) => done,
    );
    this.expect(count === length || this.mayStopEarly, () => `a write of ${length} wrote ${count}`);
  }

  private async wholeFile(): Promise<void> {
    const slot = this.uring.files.allocate();
    const text = await this.uring.chains.read(slot.slot, '/dir/small', 0, {
      content: (block, length) => {
        const copy = new Uint8Array(length);
        block.copyTo(copy, length);
        return copy;
      },
      failed: (res, syscall) => Object.assign(new Error(`${syscall} ${res}`), { code: 'EIO' }),
      // The chain was cut off in the middle, as by a kernel short of memory.
      more: async (direct, start) => {
        const first = new Uint8Array(start.length);
        start.copyTo(first);
        start.release();
        const pieces = [first];
        for (let count = -1; count !== 0; ) {
          const piece = new Uint8Array(3000);
          count = await this.uring.read({ slot: direct }, piece);
          pieces.push(piece.subarray(0, count));
        }
        await this.uring.closeFile({ slot: direct });
        this.uring.files.give(direct);
        return new Uint8Array(Buffer.concat(pieces));
      },
    });
    this.checkBytes(text, 7, 0);
    this.expect(text.length === 5000, () => `a whole file of ${text.length} bytes`);
  }

  private async newFile(): Promise<void> {
    const slot = this.uring.files.allocate();
    const path = `/dir/new-${this.names++}`;
    const content = contentOf(8, 200);
    const { open, transfer, close } = await this.uring.chains.write(slot.slot, path, 0o1101, 0o644, content, true);
    if (this.mayStopEarly) return;
    this.expect(open === 0 && close === 0 && transfer >= 0, () => `a new file: ${open}, ${transfer}, ${close}`);
    const there = this.world.kernel.fileAt(path);
    this.expect(there !== undefined && matches(there, 8, 0) && there.length === 200, 'a new file with other content');
  }

  private async someNames(options: RunOptions): Promise<void> {
    const { uring } = this;
    const directory = `/dir/${this.names++}`;
    await uring.mkdirat(directory, 0o755, options);
    const fd = await uring.openat(`${directory}/a`, { flags: 0o102 });
    await uring.closeFile(fd);
    await uring.renameat(`${directory}/a`, `${directory}/b`);
    await uring.symlinkat('b', `${directory}/c`);
    const stats = await uring.statx(`${directory}/c`, { noFollow: true });
    this.expect(stats.isSymbolicLink(), 'a link that is none');
    await uring.unlinkat(`${directory}/c`);
    await uring.unlinkat(`${directory}/b`);
    await uring.unlinkat(directory, { removeDirectory: true });
    this.expect(this.world.kernel.fileAt(`${directory}/b`) === undefined, 'a file that should be gone');
  }

  private async chain(file: number, fd: number, position: number, length: number): Promise<void> {
    const view = new Uint8Array(length);
    const results = await this.uring.link(
      [
        op.write(fd, pieceOf(file, position, length), { offset: position }),
        op.fsync(fd),
        op.read(fd, view, { offset: position }),
      ],
      { hard: this.world.random.chance(0.5), signal: this.someOptions().signal },
    );
    this.expect(results.length === 3, 'a chain with other results');
    const [, , read] = results as [unknown, unknown, { status: string; value?: number }];
    if (read.status === 'done') this.checkBytes(view.subarray(0, read.value), file, position);
  }

  /** Takes a few values from an iterator, and leaves it. */
  private async iterate(): Promise<void> {
    const { random } = this.world;
    const { uring } = this;
    const kind = random.below(4);
    const iterator = [
      () => uring.interval(random.between(1, 10)),
      () => uring.pollMany(this.sockets[1], PollEvent.IN),
      () => uring.readMany(this.pipe[0], { bufferSize: 128, buffers: 4 }),
      () => uring.recvMany(this.sockets[0], { bufferSize: 128, buffers: 2 }),
    ][kind]?.() as MultishotIterator<unknown>;
    this.iterators.push(iterator);
    let left = random.between(1, 5);
    try {
      for await (const value of iterator) {
        if (kind >= 2) {
          const bytes = (value as Chunk).bytes;
          const before = Buffer.from(bytes);
          await turn();
          this.expect(before.equals(Buffer.from(bytes)), 'a chunk changed while it was ours');
        }
        if (--left === 0) break;
      }
    } finally {
      this.iterators.splice(this.iterators.indexOf(iterator), 1);
    }
  }

  /** Connects a client to a server, and sends a message. */
  private async connection(): Promise<void> {
    const { uring } = this;
    const address = { family: 'unix', path: `\0sim-${this.names++}` } as const;
    const server = await uring.socket('unix');
    await uring.bind(server, address);
    await uring.listen(server, 4);
    const client = await uring.socket('unix');
    const [accepted] = await Promise.all([uring.accept(server), uring.connect(client, address)]);
    const message = contentOf(9, 300);
    const received = new Uint8Array(300);
    const all = async (start: (done: number) => Promise<number>) => {
      for (let done = 0; done < 300; ) done += await start(done);
    };
    await Promise.all([
      all((done) => uring.send(client, message.subarray(done))),
      all((done) => uring.recv(accepted.fd, received.subarray(done))),
    ]);
    this.checkBytes(received, 9, 0);
    for (const fd of [client, accepted.fd, server]) await uring.closeFile(fd);
  }

  // Promises

  private watch<T>(name: string, promise: Promise<T>, done?: (value: T) => void, always?: () => void): void {
    const id = this.next++;
    this.pending.set(id, name);
    this.world.note(`START ${name} ${id}`);
    const settle = (how: string) => {
      if (!this.pending.delete(id)) this.fail(new Violation(`${name} ${id} settled twice`));
      this.world.note(`END ${name} ${id}: ${how}`);
    };
    promise
      .then(
        (value) => {
          settle('done');
          done?.(value);
        },
        (error) => {
          settle(String(error));
          if (name === 'whole file' && (error as { code: string }).code === 'ABORT_ERR') this.chainsCutOff++;
          if (error instanceof Violation || !(this.world.mayFail || EXPECTED.has((error as { code: string }).code)))
            this.fail(error as Error);
        },
      )
      .catch((error) => this.fail(error as Error))
      .finally(() => always?.());
  }

  private fail(error: Error): void {
    this.failure ??= error;
  }

  private expect(condition: boolean, what: string | (() => string)): void {
    if (!condition) this.fail(new Violation(typeof what === 'string' ? what : what()));
  }

  private checkBytes(bytes: Uint8Array, file: number, position: number): void {
    const wrong = bytes.findIndex((byte, index) => byte !== byteAt(file, position + index));
    this.expect(wrong < 0, () => `byte ${wrong} of ${bytes.length} at ${position} of file ${file} is ${bytes[wrong]}`);
  }

  // The end

  async end(): Promise<void> {
    const { world, uring } = this;
    const waits = world.random.chance(0.7);
    for (let round = 0; waits && this.pending.size > 0 && round < 200; round++) {
      await turn();
      world.kernel.progress();
      world.kernel.advance(3);
      world.kernel.writeFile(this.pipe[1], contentOf(5, 50));
      world.kernel.writeFile(this.sockets[1], contentOf(6, 50));
      world.kernel.writeFile(this.sockets[0], contentOf(6, 50));
      this.check();
    }
    let closed = false;
    this.closing = true;
    void uring.close().then(() => {
      closed = true;
    });
    for (let round = 0; !closed || this.pending.size > 0; round++) {
      await turn();
      world.kernel.progress();
      world.kernel.advance(10);
      this.check();
      if (round > 3000)
        throw new Violation(`${closed ? 'closed' : 'not closed'}, and not settled: ${[...this.pending.values()].join(', ')}`);
    }
    this.check();
    const { pool } = uring.engine.memory;
    world.expect(uring.counters.inFlight === 0, () => `${uring.counters.inFlight} operations in flight in a closed engine`);
    // Chains that wait for their next use keep their block.
    const { idle } = uring.chains as unknown as { readonly idle: readonly unknown[] };
    world.expect(new Set(idle).size === idle.length, 'a chain waits for its next use twice');
    // So do those that closing has cut off.
    const kept = (idle.length + this.chainsCutOff) * CHAIN_BLOCK;
    world.expect(
      pool.bytesInUse === kept,
      () => `${pool.bytesInUse} bytes of the pool are in use after the end, ${kept} expected`,
    );
    world.checkLeftovers(this.leftBehind());
  }

  /**
   * Returns the descriptors that may remain open: the program's own, and those that operations had
   * opened when the engine was closed.
   */
  private leftBehind(): number[] {
    return [...this.fds, ...this.world.kernel.openDescriptors.filter((fd) => this.world.kernel.isProgramFile(fd))];
  }
}

function pieceOf(file: number, position: number, length: number): Uint8Array {
  return new Uint8Array(length).map((_, index) => byteAt(file, position + index));
}
