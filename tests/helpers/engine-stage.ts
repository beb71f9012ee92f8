/**
 * An engine on the simulated kernel that records what it requests and how promises settle, for
 * comparison with a file of `tests/golden`.
 */

import { Uring, type UringOptions } from '../../src/index.js';
import { Opcode, type OpcodeName } from '../../src/ring/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { Strace } from './strace.js';

/** Waits for another turn of the event loop. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** An engine on a kernel whose calls are recorded, on a clock that stands still. */
export class EngineStage {
  readonly kernel: SimulatedKernel;
  readonly uring: Uring;
  readonly strace: Strace;
  private readonly restoreClock: () => void;
  private readonly results = new Map<number, (number | undefined)[]>();

  constructor(
    private readonly title: string,
    /** Compares a text with a golden file. */
    private readonly matches: (title: string, text: string) => void,
    options: UringOptions = {},
    kernelOptions: ConstructorParameters<typeof SimulatedKernel>[0] = {},
  ) {
    this.kernel = new SimulatedKernel(kernelOptions);
    this.restoreClock = this.kernel.clock.install();
    this.strace = new Strace(this.kernel, {}, true);
    this.uring = Uring.open({ ...options, syscalls: this.strace.syscalls });
    this.kernel.interceptOperations(({ opcode }) => this.results.get(opcode)?.shift());
    this.strace.take();
  }

  /** Sets the results of the next operations of a kind; `undefined` runs the operation. */
  answer(name: OpcodeName, ...results: (number | undefined)[]): void {
    this.results.set(Opcode[name], results);
  }

  /** Records how a promise settles. */
  watch(name: string, promise: Promise<unknown>): void {
    promise.then(
      (value) =>
        this.strace.note(`${name}: ${typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)}`),
      (error: Error & { cause?: Error }) =>
        this.strace.note(`${name}: ${error.name} ${error.message}${error.cause ? `, ${error.cause.message}` : ''}`),
    );
  }

  /** Runs a step until nothing more happens, and compares what was recorded. */
  async step(name: string, body: () => unknown): Promise<void> {
    body();
    for (let quiet = 0; quiet < 3; quiet++) {
      const { length } = this.strace;
      await turn();
      if (this.strace.length > length) quiet = 0;
    }
    this.matches(`${this.title}, ${name}`, `\n${this.strace.take() || 'nothing'}`);
  }

  /** Closes the engine after the test. */
  async end(): Promise<void> {
    await this.uring.close();
    this.restoreClock();
  }
}
