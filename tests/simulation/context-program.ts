/**
 * Random programs over `URingContext`: every operation completes exactly once, with the right
 * bytes.
 */

import { URingContext } from '../../src/context/index.js';
import { PollEvent } from '../../src/ring/index.js';
import { contentOf, matches, type World } from './world.js';

const FILE_SIZE = 4096;

/** Runs one program. */
export function runContextProgram(world: World, steps: number): void {
  const program = new ContextProgram(world);
  try {
    for (let step = 0; step < steps; step++) {
      program.step();
      world.check();
    }
    program.end();
  } finally {
    program.context.close();
  }
  world.checkLeftovers(program.fds);
}

class ContextProgram {
  readonly fds: number[];
  readonly context: URingContext;
  private readonly file: number;
  private readonly pipe: [number, number];
  private readonly pending = new Map<number, ((result: number) => void) | undefined>();
  private next = 1;

  constructor(private readonly world: World) {
    const { random, kernel } = world;
    this.file = kernel.createFile(contentOf(0, FILE_SIZE));
    this.pipe = kernel.createPipe();
    this.fds = [this.file, ...this.pipe];
    this.context = new URingContext(random.pick([1, 4, 16]), { syscalls: kernel });
  }

  step(): void {
    const { random, kernel } = this.world;
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2:
        this.add();
        break;
      case 3:
        this.forgiving(() => this.context.submit());
        break;
      case 4:
        kernel.writeFile(this.pipe[1], new Uint8Array(random.between(1, 32)));
        break;
      case 5:
        kernel.progress();
        break;
      default:
        this.wait(random.below(10));
    }
  }

  private add(): void {
    const { random } = this.world;
    const { context } = this;
    const userData = this.next++;
    const length = random.between(1, 256);
    const position = random.below(FILE_SIZE);
    let check: ((result: number) => void) | undefined;
    this.forgiving(() => {
      switch (random.below(7)) {
        case 0: {
          const target = new Uint8Array(length);
          context.addRead(target, this.file, position, userData);
          check = (result) => this.checkRead(target.subarray(0, result), position);
          break;
        }
        case 1: {
          const parts = [new Uint8Array(length), new Uint8Array(40)];
          context.addReadv(parts, this.file, position, userData);
          check = (result) => this.checkRead(Buffer.concat(parts).subarray(0, result), position);
          break;
        }
        case 2:
          context.addWrite(contentOf(0, position + length).subarray(position), this.file, position, userData);
          break;
        case 3:
          context.addPollFd(this.pipe[0], PollEvent.IN, userData);
          break;
        case 4:
          context.addRead(new Uint8Array(16), this.pipe[0], null, userData);
          break;
        case 5: {
          const targets = [...this.pending.keys()];
          if (targets.length === 0) context.addNop(userData);
          else context.asyncCancel(random.pick(targets), userData);
          break;
        }
        default:
          context.addNop(userData);
      }
      this.pending.set(userData, check);
    });
  }

  private checkRead(bytes: Uint8Array, position: number): void {
    this.world.expect(matches(bytes, 0, position), () => `a read at ${position} gave other bytes`);
  }

  private wait(milliseconds: number): void {
    if (this.pending.size === 0) return;
    this.forgiving(() => {
      for (const { userData, result } of this.context.wait(milliseconds)) {
        const known = this.pending.has(Number(userData));
        this.world.expect(known, () => `a completion of ${userData}, which is over or never was`);
        if (result >= 0) this.pending.get(Number(userData))?.(result);
        this.pending.delete(Number(userData));
      }
    });
  }

  /** Ignores the errors for a full queue and for a kernel short of memory: nothing is lost. */
  private forgiving(body: () => void): void {
    try {
      body();
    } catch (error) {
      const { code } = error as { code?: string };
      if (!['EAGAIN', 'EBUSY', 'EINTR', 'ERR_URING_NO_SPACE'].includes(code ?? '')) throw error;
    }
  }

  end(): void {
    const { world } = this;
    for (let round = 0; this.pending.size > 0; round++) {
      world.expect(round < 3000, () => `${this.pending.size} operations do not end`);
      world.kernel.writeFile(this.pipe[1], new Uint8Array(64));
      this.wait(5);
      world.kernel.progress();
    }
  }
}
