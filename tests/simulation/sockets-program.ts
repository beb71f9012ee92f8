/**
 * Random programs over sockets: pairs of connections that write, send files, read slowly, keep
 * chunks, shut down, close and reset, and datagrams between sockets. No byte is lost, duplicated or
 * reordered, no chunk changes before it is released, and every buffer returns to the pool.
 */

import { Uring } from '../../src/index.js';
import { bind, type Connection, connect, type DatagramSocket, listen, socketpair } from '../../src/sockets/index.js';
import { byteAt, contentOf, matches, Violation, type World } from './world.js';

const FILE_SIZE = 100_000;
const MOST_LINKS = 6;

/** Waits a turn of the event loop, in which everything settles that can. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/**
 * The bytes in one direction. They equal those of the file with the same number, so the reader
 * knows what to expect.
 */
class Direction {
  /** The number of bytes that were handed over to be sent, and the number of bytes received. */
  sent = 0;
  received = 0;
  /** Whether something was given up, so that not everything arrives. */
  broken = false;
  /** Whether writing has ended. */
  over = false;

  constructor(
    readonly file: number,
    readonly fd: number,
  ) {}

  next(length: number): Uint8Array<ArrayBuffer> {
    const start = this.sent;
    this.sent += length;
    return new Uint8Array(length).map((_, index) => byteAt(this.file, start + index));
  }
}

/** A pair of connections. */
interface Link {
  readonly ends: readonly [End, End];
}

interface End {
  readonly connection: Connection;
  readonly outgoing: Direction;
  readonly incoming: Direction;
}

/** Runs one program. */
export async function runSocketsProgram(world: World, steps: number): Promise<void> {
  const program = new SocketsProgram(world);
  for (let step = 0; step < steps; step++) {
    program.step();
    if (world.random.chance(0.5)) await turn();
    program.check();
  }
  await program.end();
}

class SocketsProgram {
  private readonly uring: Uring;
  private readonly links: Link[] = [];
  private readonly fds: number[];
  private readonly sockets: DatagramSocket[] = [];
  private readonly bytesAtRest: number;
  /** The promises that have not settled yet. */
  private readonly pending = new Map<number, string>();
  private next = 1;
  private failure: Error | undefined;
  private files = 0;
  private names = 0;
  private questions = 0;
  private ending = false;

  constructor(private readonly world: World) {
    const { random, kernel } = world;
    const entries = random.pick([4, 8, 64]);
    this.fds = Array.from({ length: 8 }, (_, file) => kernel.createFile(contentOf(file, FILE_SIZE)));
    this.uring = Uring.open({ entries, cqEntries: random.pick([entries, 2 * entries]), syscalls: kernel });
    this.uring.sockets.prepare(true);
    this.bytesAtRest = this.uring.engine.memory.pool.bytesInUse;
  }

  step(): void {
    const { random, kernel } = this.world;
    switch (random.below(12)) {
      case 0:
      case 1:
        kernel.progress();
        break;
      case 2:
        kernel.advance(random.below(20));
        break;
      case 3:
        if (this.links.length < MOST_LINKS) this.watch('open', this.openLink());
        break;
      case 4:
        this.watch('datagrams', this.askByDatagram());
        break;
      case 5:
        if (random.chance(0.3)) this.watch('end', this.endSomething());
        break;
      default:
        this.writeSomething();
    }
  }

  check(): void {
    this.world.check();
    if (this.failure !== undefined) throw this.failure;
  }

  // Connections

  private async openLink(): Promise<void> {
    const { random } = this.world;
    const [one, other] = random.chance(0.5)
      ? socketpair({ uring: this.uring, descriptors: random.chance(0.3) })
      : await this.viaListener();
    const [there, back] = [this.direction(), this.direction()];
    const ends: [End, End] = [
      { connection: one, outgoing: there, incoming: back },
      { connection: other, outgoing: back, incoming: there },
    ];
    this.links.push({ ends });
    for (const end of ends) this.watch(`reading ${end.incoming.file}`, this.readAll(end));
  }

  private direction(): Direction {
    const file = this.files++ % this.fds.length;
    return new Direction(file, this.fds[file] as number);
  }

  private async viaListener(): Promise<[Connection, Connection]> {
    const { uring } = this;
    const path = `\0sockets-${this.names++}`;
    const listener = await listen(this.world.random.chance(0.5) ? { path, uring } : { host: '127.0.0.1', uring });
    const { address } = listener;
    const target = address.family === 'unix' ? { path: address.path } : { host: address.address, port: address.port };
    const accepting = listener.accept().catch(() => null);
    const client = await connect({ ...target, uring }).catch((error) => error as Error);
    // If connecting has failed, no connection arrives.
    if (client instanceof Error) await listener.close();
    const server = await accepting;
    await listener.close();
    if (!(client instanceof Error) && server !== null) return [client, server];
    await server?.close();
    if (client instanceof Error) throw client;
    await client.close();
    throw Object.assign(new Error('nobody was taken'), { code: 'ECONNRESET' });
  }

  /**
   * Reads to the end, at a random pace, and checks every chunk twice: when it arrives, and before
   * it is released.
   */
  private async readAll({ connection, incoming }: End): Promise<void> {
    const { random } = this.world;
    const patience = random.pick([0, 0, 3, 20]);
    for (let chunk = await connection.read(); chunk !== null; chunk = await connection.read()) {
      const start = incoming.received;
      incoming.received += chunk.length;
      if (incoming.broken) continue;
      const isRight = () => matches((chunk as NonNullable<typeof chunk>).bytes, incoming.file, start);
      this.expect(isRight(), () => `${chunk?.length} bytes at ${start} of direction ${incoming.file} are not what was sent`);
      for (let turns = random.below(patience + 1); turns > 0 && !this.ending; turns--) await turn();
      if (!connectionIsOpen(connection)) return;
      this.expect(isRight(), `a chunk has changed while it was read`);
      if (random.chance(0.2)) chunk.release();
    }
    const { received, sent, broken } = incoming;
    this.expect(
      broken || received === sent || this.ending || this.world.mayFail,
      () => `the end after ${received} of ${sent} bytes of direction ${incoming.file}`,
    );
  }

  private writeSomething(): void {
    const { random } = this.world;
    if (this.links.length === 0) return;
    const { connection, outgoing } = random.pick(random.pick(this.links).ends);
    // The queue is limited, as in a program that waits for its writes.
    if (outgoing.over || outgoing.broken || connection.bytesQueued > 400_000) return;
    const length = random.chance(0.2) ? random.between(10_000, 150_000) : random.between(0, 400);
    const room = FILE_SIZE - outgoing.sent;
    if (length > 0 && length <= room && random.chance(0.2)) {
      const start = outgoing.sent;
      outgoing.sent += length;
      this.watch(
        `file ${outgoing.file}`,
        connection.sendFile(outgoing.fd, { start, end: start + length - 1 }).then((count) => {
          this.expect(count === length, () => `${count} of ${length} bytes of a file were sent`);
        }),
        outgoing,
      );
      return;
    }
    const data = outgoing.next(length);
    if (random.chance(0.3)) {
      const pooled = this.uring.buffers.allocate(Math.max(1, length));
      pooled.bytes.set(data);
      const written = connection.write([pooled.bytes.subarray(0, length)]);
      // Released while it is sent.
      pooled.release();
      this.watch(`write ${outgoing.file}`, written, outgoing);
    } else {
      const cut = random.below(length + 1);
      this.watch(`write ${outgoing.file}`, connection.write([data.subarray(0, cut), data.subarray(cut)]), outgoing);
    }
  }

  private async endSomething(): Promise<void> {
    const { random } = this.world;
    if (this.links.length === 0) return;
    const link = random.pick(this.links);
    const { connection, outgoing, incoming } = random.pick(link.ends);
    if (random.chance(0.5)) {
      outgoing.over = true;
      await connection.shutdown();
      return;
    }
    this.links.splice(this.links.indexOf(link), 1);
    const [one, other] = link.ends;
    one.outgoing.over = other.outgoing.over = true;
    if (random.chance(0.5)) {
      // In order: both shut down, read to the end of the other, and close.
      await Promise.all([one.connection.shutdown(), other.connection.shutdown()]);
      await this.until(() => isOver(one.incoming) && isOver(other.incoming));
    } else {
      // Data from the peer is dropped, which the peer may see as a reset. Data written here is lost
      // only with a reset.
      incoming.broken = true;
      outgoing.broken = true;
      if (random.chance(0.5)) await connection.reset();
    }
    await Promise.all([one.connection.close(), other.connection.close()]);
  }

  // Datagrams

  /** Sends datagrams over Unix sockets, which lose none, and checks that all of them arrive. */
  private async askByDatagram(): Promise<void> {
    const { random } = this.world;
    const { uring } = this;
    const number = this.questions++;
    const [one, other] = [await bind({ path: '', uring }), await bind({ path: '', uring })];
    this.sockets.push(one, other);
    try {
      const sizes = Array.from({ length: random.between(1, 12) }, () => random.pick([0, 1, 100, 3000]));
      const messages = other.receive({ buffers: random.pick([1, 2, 16]), bufferSize: random.pick([3000, 4096]) });
      const sending = Promise.all(sizes.map((size) => one.send(contentOf(number % 8, size), other.address)));
      // If sending fails, the receiver must not wait for the remainder.
      sending.catch(() => other.close());
      // Sends that are not awaited can overtake each other.
      const missing = [...sizes];
      while (missing.length > 0) {
        const { done, value } = await messages.next();
        if (done && (this.world.mayFail || this.ending)) return;
        if (done) throw new Violation('the end of what has none');
        const place = missing.indexOf(value.length);
        this.expect(place >= 0 && matches(value.bytes, number % 8, 0), 'a message that was not sent');
        missing.splice(place, 1);
        this.expect(!value.truncated && value.sender?.family === 'unix', 'a message of somebody else, or only its start');
        if (random.chance(0.3)) await turn();
      }
      await sending;
      await messages.return();
    } finally {
      await Promise.all([one.close(), other.close()]);
      for (const socket of [one, other]) this.sockets.splice(this.sockets.indexOf(socket), 1);
    }
  }

  // Promises

  /**
   * Watches a promise that may fail: because the program or a peer closes, or with an injected
   * error.
   */
  private watch(name: string, promise: Promise<unknown>, direction?: Direction): void {
    const id = this.next++;
    this.pending.set(id, name);
    this.world.note(`START ${name} ${id}`);
    promise
      .catch((error: Error & { code?: string }) => {
        if (direction !== undefined) direction.broken = true;
        const isExpected = [
          'ABORT_ERR',
          'EPIPE',
          'ECONNRESET',
          'ENOTCONN',
          'ERR_INVALID_STATE',
          'ENOENT',
          'ECONNREFUSED',
        ].includes(error.code ?? '');
        if (error instanceof Violation || !(isExpected || this.world.mayFail)) this.fail(error);
      })
      .finally(() => {
        this.pending.delete(id);
        this.world.note(`END ${name} ${id}`);
      });
  }

  private fail(error: Error): void {
    this.failure ??= error;
  }

  private expect(condition: boolean, what: string | (() => string)): void {
    if (!condition) this.fail(new Violation(typeof what === 'string' ? what : what()));
  }

  private async until(condition: () => boolean): Promise<void> {
    for (let round = 0; !condition() && !this.ending && round < 2000; round++) await turn();
  }

  // The end

  async end(): Promise<void> {
    const { world, uring } = this;
    const inOrder = world.random.chance(0.7);
    if (inOrder) {
      // Links that are still being opened are included.
      await this.rounds(200, () => [...this.pending.values()].includes('open'));
      for (const { ends } of this.links) {
        for (const { connection, outgoing } of ends) {
          outgoing.over = true;
          this.watch('shutdown', connection.shutdown());
        }
      }
      await this.rounds(3000, () => this.pending.size > 0);
      this.expect(this.pending.size === 0 || world.mayFail, () => `not settled: ${[...this.pending.values()].join(', ')}`);
      for (const { ends } of this.links) for (const { connection } of ends) this.watch('close', connection.close());
      await this.rounds(200, () => this.pending.size > 0);
    }
    this.ending = true;
    let closed = false;
    void uring.close().then(() => {
      closed = true;
    });
    await this.rounds(3000, () => !closed || this.pending.size > 0);
    if (!closed || this.pending.size > 0)
      throw new Violation(`${closed ? 'closed' : 'not closed'}, and not settled: ${[...this.pending.values()].join(', ')}`);
    // Closing sockets of a closed engine takes another turn.
    await this.rounds(5, () => true);
    const { pool } = uring.engine.memory;
    world.expect(uring.counters.inFlight === 0, () => `${uring.counters.inFlight} operations in flight in a closed engine`);
    world.expect(
      pool.bytesInUse === this.bytesAtRest,
      () => `${pool.bytesInUse} bytes of the pool are in use after the end, ${this.bytesAtRest} expected`,
    );
    // A descriptor whose close has failed is lost.
    world.checkLeftovers(world.mayFail ? world.kernel.openDescriptors : this.fds);
  }

  private async rounds(most: number, goesOn: () => boolean): Promise<void> {
    for (let round = 0; round < most && goesOn(); round++) {
      await turn();
      this.world.kernel.progress();
      this.world.kernel.advance(10);
      this.check();
    }
  }
}

const connectionIsOpen = (connection: Connection): boolean => connection.fd >= 0;

/** Returns whether everything has arrived, or never will. */
const isOver = ({ sent, received, broken }: Direction): boolean => broken || received === sent;
