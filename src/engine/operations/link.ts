/**
 * Chains: operations that the kernel runs one after another, from one submission.
 *
 * The kernel returns ECANCELED both for operations that were cut off and for those that were
 * cancelled. Here they are distinguished: an operation was cut off when it returned ECANCELED and
 * was not cancelled; the last operation before it that ran has broken the chain.
 *
 * @module
 */

import { SqeFlag } from '../../ring/index.js';
import { Errno } from '../../syscalls/index.js';
import { checkOptions, invalidArgType, outOfRange } from '../../validate.js';
import { AbortError } from '../errors.js';
import { type Engine, Operation, OperationRequest, type Outcome } from './operation.js';
import { type Abortable, checkSignal, listen, unlisten } from './signals.js';

/** The outcome of an operation of a chain. */
export type LinkResult<T> =
  /**
   * It ran. (In a soft chain, an operation that moved less than requested still breaks the chain.)
   */
  | { readonly status: 'done'; readonly value: T }
  /** It ran and failed, or it was cancelled. */
  | { readonly status: 'failed'; readonly error: Error }
  /** It never ran, because the operation at this index failed or was short. */
  | { readonly status: 'cut'; readonly by: number };

/** The outcomes of all operations of a chain. */
export type LinkResults<Operations extends readonly Operation<unknown>[]> = {
  -readonly [Index in keyof Operations]: Operations[Index] extends Operation<infer T> ? LinkResult<T> : never;
};

/** Options of a chain. */
export interface LinkOptions {
  /**
   * Whether the chain continues after a failure or a short result (IOSQE_IO_HARDLINK). Default: it
   * does not.
   */
  readonly hard?: boolean | undefined;
  /** Cancels the remainder of the chain. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs operations in order. Never throws. */
export function runLink<const Operations extends readonly Operation<unknown>[]>(
  engine: Engine,
  operations: Operations,
  options: LinkOptions,
): Promise<LinkResults<Operations>> {
  return new Promise((resolve) => {
    checkOptions(options, ['hard', 'signal']);
    checkSignal('options.signal', options.signal);
    if (!Array.isArray(operations)) throw invalidArgType('operations', 'an array of operations', operations);
    if (operations.length === 0) throw outOfRange('operations.length', '>= 1', 0);
    operations.forEach((operation, index) => {
      if (!(operation instanceof Operation)) throw invalidArgType(`operations[${index}]`, 'an operation, made by op', operation);
    });
    const aborted = [options.signal, ...operations.map(({ signal }) => signal)].find((signal) => signal?.aborted);
    if (aborted !== undefined) throw new AbortError(aborted.reason);
    new Chain(engine, operations, options, (results) => resolve(results as LinkResults<Operations>)).start();
  });
}

class Chain implements Abortable {
  private readonly members: OperationRequest<unknown>[];
  private readonly results: LinkResult<unknown>[];
  private left: number;

  constructor(
    private readonly engine: Engine,
    operations: readonly Operation<unknown>[],
    private readonly options: LinkOptions,
    private readonly resolve: (results: LinkResult<unknown>[]) => void,
  ) {
    this.left = operations.length;
    this.results = new Array(operations.length);
    this.members = operations.map((operation, index) => new OperationRequest(engine, operation, this.member(index)));
  }

  start(): void {
    const { members, options } = this;
    const link = options.hard === true ? SqeFlag.IO_HARDLINK : SqeFlag.IO_LINK;
    this.engine.core.beginTogether(members.reduce((total, { size }) => total + size, 0));
    members.forEach((member, index) => {
      try {
        member.start(index < members.length - 1 ? link : 0, true);
      } catch (error) {
        this.engine.core.submitter.retract(members.flatMap(({ ids }) => ids));
        this.left = Number.POSITIVE_INFINITY;
        throw error;
      }
    });
    if (options.signal !== undefined) listen(options.signal, this);
  }

  abort(reason: unknown): void {
    for (const member of this.members) member.abort(reason);
  }

  private member(index: number): Outcome<unknown> {
    return {
      done: (value) => this.settle(index, { status: 'done', value }),
      failed: (error, res) => {
        const cut = res === -Errno.ECANCELED && !(error instanceof AbortError);
        this.settle(index, cut ? { status: 'cut', by: -1 } : { status: 'failed', error });
      },
    };
  }

  private settle(index: number, result: LinkResult<unknown>): void {
    this.results[index] = result;
    if (--this.left > 0) return;
    const { signal } = this.options;
    if (signal !== undefined) unlisten(signal, this);
    // The kernel may refuse an operation before it starts any: those before it are then cut off by
    // a later one.
    let breaker = this.results.findIndex(({ status }) => status === 'failed');
    this.resolve(
      this.results.map((each, at) => {
        if (each.status === 'cut') return { status: 'cut', by: breaker };
        breaker = at;
        return each;
      }),
    );
  }
}
