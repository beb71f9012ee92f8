/**
 * Random programs over the ring itself. The model: each operation posts one last completion, and
 * those before it have the flag MORE. Chains and drains keep their order. Memory belongs to the
 * kernel until the last completion.
 */

import * as ops from '../../src/ops/index.js';
import { type ArenaBlock, CancelFlag, CqeFlag, PollEvent, PollFlag, Ring, type Sqe, SqeFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { anyFlags, contentOf, hasThread, matches, Violation, type World } from './world.js';

const FILE_SIZE = 4096;
const FILES = 2;

/** An operation that was queued. */
interface Pending {
  readonly name: string;
  readonly blocks: readonly ArenaBlock[];
  /** Whether it posts no completion on success. */
  readonly silent: boolean;
  readonly drains: boolean;
  /** The operation before it in its chain. */
  readonly after: number | undefined;
  /** Checks a result that is not an error. */
  readonly check?: (res: number) => void;
  readonly multishot: boolean;
  /** Whether a failure of the operation before it cancels it. */
  readonly softly: boolean;
}

/** Runs one program. */
export function runRingProgram(world: World, steps: number): void {
  const program = new RingProgram(world);
  try {
    for (let step = 0; step < steps; step++) {
      program.step();
      world.check();
    }
    program.end();
  } finally {
    program.close();
  }
  world.checkLeftovers(program.fds);
}

class RingProgram {
  readonly fds: number[] = [];
  private readonly ring: Ring;
  private readonly files: number[];
  private readonly pipe: [number, number];
  private readonly pending = new Map<number, Pending>();
  /** The results of completed operations, for those that follow in a chain. */
  private readonly results = new Map<number, number>();
  /** Whether operations may skip completions on success. The kernel does not allow drains then. */
  private readonly silence: boolean;
  private readonly links: boolean;
  private next = 1;

  constructor(private readonly world: World) {
    const { random, kernel } = world;
    const entries = random.pick([1, 2, 4, 8, 32]);
    this.ring = Ring.open({
      entries,
      cqEntries: random.chance(0.5) ? entries : entries * random.pick([2, 4]),
      flags: anyFlags(random),
      syscalls: kernel,
    });
    this.silence = random.chance(0.3);
    // If a submission may end anywhere, because of an SQ thread or a lack of memory, so may a
    // chain.
    this.links = !hasThread(this.ring) && kernel.chaos?.options.partialSubmission === 0;
    this.files = Array.from({ length: FILES }, (_, index) => kernel.createFile(contentOf(index, FILE_SIZE)));
    this.pipe = kernel.createPipe();
    this.fds.push(...this.files, ...this.pipe);
  }

  step(): void {
    const { random, kernel } = this.world;
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        this.addSome();
        break;
      case 4:
        this.submit();
        break;
      case 5:
        this.wait();
        break;
      case 6:
        kernel.progress();
        break;
      case 7:
        kernel.advance(random.below(20));
        break;
      case 8:
        kernel.writeFile(this.pipe[1], new Uint8Array(random.between(1, 64)));
        break;
      case 9:
        this.cancelSomething();
        break;
      default:
        this.take(random.below(8));
    }
  }

  // Adding

  private addSome(): void {
    const { random } = this.world;
    const { sq } = this.ring;
    const length = this.links && random.chance(0.3) ? random.between(2, 4) : 1;
    if (sq.spaceLeft < length) {
      this.submit();
      return;
    }
    let after: number | undefined;
    let softly = false;
    for (let index = 0; index < length; index++) {
      const hard = random.chance(0.4);
      const link = index === length - 1 ? 0 : hard ? SqeFlag.IO_HARDLINK : SqeFlag.IO_LINK;
      after = this.add(link, after, softly);
      softly = link === SqeFlag.IO_LINK;
    }
    // The kernel ends a chain at the end of the submission: the whole chain must be submitted at
    // once.
    if (length > 1) this.submit();
  }

  private add(link: number, after: number | undefined, softly: boolean): number {
    const { random } = this.world;
    const sqe = this.ring.getSqe();
    if (sqe === null) throw new Error('there was room');
    const userData = this.next++;
    const blocks: ArenaBlock[] = [];
    const block = (size: number) => {
      const made = this.ring.arena.block(size);
      blocks.push(made);
      return made;
    };
    const { name, check, multishot = false } = this.fill(sqe, block);
    const silent = this.silence && !multishot && random.chance(0.3);
    const drains = !this.silence && random.chance(0.1);
    sqe.setUserData(userData);
    const own =
      (silent ? SqeFlag.CQE_SKIP_SUCCESS : 0) | (drains ? SqeFlag.IO_DRAIN : 0) | (random.chance(0.1) ? SqeFlag.ASYNC : 0);
    sqe.setFlags(sqe.flags | link | own);
    // A silent operation that fails also silences those that it cancels.
    const silenced = silent || (after !== undefined && this.pending.get(after)?.silent === true);
    this.pending.set(userData, { name, blocks, silent: silenced, drains, after, multishot, softly, ...(check && { check }) });
    return userData;
  }

  /** Prepares a random operation. */
  private fill(
    sqe: Sqe,
    block: (size: number) => ArenaBlock,
  ): { readonly name: string; readonly check?: (res: number) => void; readonly multishot?: boolean } {
    const { random } = this.world;
    const file = random.below(FILES);
    const position = random.below(FILE_SIZE);
    const length = random.between(1, 512);
    const fd = this.files[file] as number;
    switch (random.below(9)) {
      case 0: {
        const { bytes, address } = block(length);
        ops.prepRead(sqe, fd, address, length, position);
        return { name: 'read', check: (res) => this.checkRead(bytes.subarray(0, res), file, position) };
      }
      case 1: {
        const { bytes, address } = block(length);
        bytes.set(contentOf(file, position + length).subarray(position));
        ops.prepWrite(sqe, fd, address, length, position);
        return { name: 'write' };
      }
      case 2: {
        const parts = [block(length), block(64)];
        const vector = block(32);
        parts.forEach(({ address, bytes }, index) => {
          this.ring.arena.writeUint64(vector.offset + 16 * index, address);
          this.ring.arena.writeUint64(vector.offset + 16 * index + 8, bytes.length);
        });
        ops.prepReadv(sqe, fd, vector.address, 2, position);
        return {
          name: 'readv',
          check: (res) => this.checkRead(Buffer.concat(parts.map(({ bytes }) => bytes)).subarray(0, res), file, position),
        };
      }
      case 3: {
        ops.prepRead(sqe, this.pipe[0], block(64).address, 64, -1);
        return { name: 'read of a pipe' };
      }
      case 4: {
        const { address, offset } = block(16);
        this.ring.arena.writeUint64(offset + 8, random.below(20) * 1e6);
        ops.prepTimeout(sqe, address);
        return { name: 'timeout' };
      }
      case 5:
        ops.prepPollAdd(sqe, this.pipe[0], PollEvent.IN);
        return { name: 'poll' };
      case 6:
        ops.prepPollAdd(sqe, this.pipe[0], PollEvent.IN, PollFlag.ADD_MULTI);
        return { name: 'polls', multishot: true };
      case 7:
        ops.prepFsync(sqe, random.chance(0.1) ? 9999 : fd);
        return { name: 'fsync' };
      default:
        ops.prepNop(sqe);
        return { name: 'nop' };
    }
  }

  private checkRead(bytes: Uint8Array, file: number, position: number): void {
    this.world.expect(matches(bytes, file, position), () => `a read of file ${file} at ${position} gave other bytes`);
  }

  private cancelSomething(): void {
    const { random } = this.world;
    const targets = [...this.pending.keys()];
    if (targets.length === 0 || this.ring.sq.spaceLeft === 0) return;
    const sqe = this.ring.getSqe() as Sqe;
    ops.prepCancel(sqe, random.pick(targets));
    const userData = this.next++;
    sqe.setUserData(userData);
    const nothing = { blocks: [], silent: false, drains: false, after: undefined, multishot: false, softly: false };
    this.pending.set(userData, { name: 'cancel', ...nothing });
  }

  // Submitting and taking

  private submit(): void {
    // SQEs that the kernel, short of memory, did not take stay in the queue.
    this.forgiving(() => this.ring.submit());
  }

  private wait(): void {
    const { random } = this.world;
    this.forgiving(() => this.ring.submitAndWait(random.below(2), random.below(10)));
  }

  private forgiving(body: () => void): void {
    try {
      body();
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== 'EAGAIN' && code !== 'EBUSY' && code !== 'EINTR') throw error;
    }
  }

  private take(most: number): void {
    this.ring.forEachCqe(({ userData, res, flags }) => this.completed(userData, res, flags), most);
  }

  private completed(userData: number, res: number, flags: number): void {
    const { world } = this;
    const operation = this.pending.get(userData);
    world.expect(operation !== undefined, () => `a completion of ${userData}, which is over or never was`);
    if (operation === undefined) return;
    world.expect(!(flags & CqeFlag.MORE) || operation.multishot, () => `${operation.name} ${userData} goes on`);
    if (res >= 0) operation.check?.(res);
    if (flags & CqeFlag.MORE) return;
    this.checkOrder(userData, operation, res);
    this.finish(userData, operation, res);
  }

  private checkOrder(userData: number, operation: Pending, res: number): void {
    const { world } = this;
    if (operation.after !== undefined) {
      const before = this.pending.get(operation.after);
      world.expect(
        before === undefined || before.silent,
        () => `${operation.name} ${userData} is over before the one that it follows`,
      );
      const result = this.results.get(operation.after);
      // After a failure, the rest of a soft chain does not run.
      if (operation.softly && result !== undefined && result < 0) {
        world.expect(res < 0, () => `${operation.name} ${userData} ran although the one before had failed`);
      }
    }
    if (!operation.drains || res === -Errno.ECANCELED) return;
    for (const [other, { silent, name }] of this.pending) {
      if (other >= userData) break;
      world.expect(silent, () => `${operation.name} ${userData} did not wait for ${name} ${other}`);
    }
  }

  private finish(userData: number, { blocks }: Pending, res: number): void {
    this.pending.delete(userData);
    this.results.set(userData, res);
    for (const block of blocks) block.free();
  }

  // The end

  /** Cancels everything that remains, and checks that each operation completes. */
  end(): void {
    const { world, ring } = this;
    for (let round = 0; ; round++) {
      this.submit();
      this.take(1000);
      this.forgiving(() => ring.getEvents());
      this.take(1000);
      const left = [...this.pending.values()].filter(({ silent }) => !silent).length;
      if (left === 0 && ring.sq.ready === 0) break;
      if (round > 2000)
        throw new Violation(
          `${left} operations do not end: ${[...this.pending].flatMap(([id, { name, silent }]) => (silent ? [] : [`${name} ${id}`])).slice(0, 10)}`,
        );
      world.kernel.progress();
      world.kernel.advance(5);
      // Not by an SQE, which a drain would hold back.
      try {
        ring.cancelSync({ flags: CancelFlag.ANY });
      } catch (error) {
        if ((error as { code?: string }).code !== 'ENOENT') throw error;
      }
    }
    world.expect(ring.cq.overflow === 0, 'completions were dropped');
  }

  close(): void {
    this.ring.close();
  }
}
