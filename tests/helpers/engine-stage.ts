/** An engine on the simulated kernel, with everything noted that it asks and settles: for comparing with a file of `tests/golden`. */

import { Uring, type UringOptions } from '../../src/index.js';
import { Opcode, type OpcodeName } from '../../src/ring/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { Strace } from './strace.js';

/** Another turn of the event loop. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** An engine on a kernel whose calls are noted, in time that stands still. */
export class EngineStage {
  readonly kernel: SimulatedKernel;
  readonly uring: Uring;
  readonly strace: Strace;
  private readonly restoreClock: () => void;
  private readonly results = new Map<number, (number | undefined)[]>();

  constructor(
    private readonly title: string,
    /** Of a golden file. */
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

  /** What the next operations of a kind end with; `undefined` runs them. */
  answer(name: OpcodeName, ...results: (number | undefined)[]): void {
    this.results.set(Opcode[name], results);
  }

  /** Notes how a promise settles. */
  watch(name: string, promise: Promise<unknown>): void {
    promise.then(
      (value) =>
        this.strace.note(`${name}: ${typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)}`),
      (error: Error & { cause?: Error }) =>
        this.strace.note(`${name}: ${error.name} ${error.message}${error.cause ? `, ${error.cause.message}` : ''}`),
    );
  }

  /** Lets everything come to rest, and compares what was noted. */
  async step(name: string, body: () => unknown): Promise<void> {
    body();
    for (let quiet = 0; quiet < 3; quiet++) {
      const { length } = this.strace;
      await turn();
      if (this.strace.length > length) quiet = 0;
    }
    this.matches(`${this.title}, ${name}`, `\n${this.strace.take() || 'nothing'}`);
  }

  /** After the test. */
  async end(): Promise<void> {
    await this.uring.close();
    this.restoreClock();
  }
}
