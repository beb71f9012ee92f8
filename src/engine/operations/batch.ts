/**
 * Many operations with one promise. Each costs only the operation itself: it has no promise and no
 * value of its own, only its number.
 *
 * @module
 */

import { Errno } from '../../syscalls/index.js';
import { checkOptions, invalidArgType } from '../../validate.js';
import { AbortError } from '../errors.js';
import { type Engine, Operation, OperationRequest, type Outcome } from './operation.js';
import { type Abortable, checkSignal, listen, unlisten } from './signals.js';

/** Options of {@link Uring.batch}. */
export interface BatchOptions {
  /**
   * Cancels everything that has not completed. The promise rejects with an `AbortError` when the
   * last operation has completed.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Starts operations, in any order. @returns the result of each. */
export async function runBatch(
  engine: Engine,
  operations: readonly Operation<unknown>[],
  options: BatchOptions,
): Promise<Int32Array> {
  checkOptions(options, ['signal']);
  const { signal } = options;
  checkSignal('options.signal', signal);
  if (!Array.isArray(operations)) throw invalidArgType('operations', 'an array of operations', operations);
  const odd = operations.findIndex((operation) => !(operation instanceof Operation));
  if (odd >= 0) throw invalidArgType(`operations[${odd}]`, 'an operation, made by a function of op', operations[odd]);
  if (signal?.aborted) throw new AbortError(signal.reason);
  const batch = new Batch(operations.length);
  await batch.run(engine, operations, signal);
  return batch.results;
}

class Batch implements Abortable {
  readonly results: Int32Array;
  private readonly requests: OperationRequest<unknown>[] = [];
  private left: number;
  private aborted: AbortError | undefined;
  private over: () => void = () => undefined;

  constructor(count: number) {
    this.results = new Int32Array(count);
    this.left = count;
  }

  async run(engine: Engine, operations: readonly Operation<unknown>[], signal: AbortSignal | undefined): Promise<void> {
    if (operations.length === 0) return;
    const allOver = new Promise<void>((resolve) => {
      this.over = resolve;
    });
    let failure: Error | undefined;
    for (const [index, operation] of operations.entries()) {
      if (operation.signal?.aborted) {
        this.settle(index, -Errno.ECANCELED);
        continue;
      }
      const request = new OperationRequest(engine, operation, new Member(this, index));
      try {
        request.start();
        this.requests.push(request);
      } catch (error) {
        // Wait for those that have started: the kernel works on their memory.
        failure = error as Error;
        this.abort(error);
        for (let rest = index; rest < operations.length; rest++) this.settle(rest, -Errno.ECANCELED);
        break;
      }
    }
    if (signal !== undefined) listen(signal, this);
    await allOver;
    if (signal !== undefined) unlisten(signal, this);
    if (failure !== undefined) throw failure;
    if (this.aborted !== undefined) throw this.aborted;
  }

  abort(reason: unknown): void {
    this.aborted ??= new AbortError(reason);
    for (const request of this.requests) request.abort(reason);
  }

  settle(index: number, result: number): void {
    this.results[index] = result;
    if (--this.left === 0) this.over();
  }
}

class Member implements Outcome<unknown> {
  constructor(
    private readonly batch: Batch,
    private readonly index: number,
  ) {}

  done(value: unknown): void {
    this.batch.settle(this.index, typeof value === 'number' ? value : 0);
  }

  failed(_error: Error, res: number): void {
    this.batch.settle(this.index, res);
  }
}
