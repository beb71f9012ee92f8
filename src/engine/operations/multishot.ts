/**
 * Continuing operations: one SQE, many completions, as an async iterator with backpressure.
 *
 * ```text
 *   idle --next()--> armed --completions--> queue --next()--> the consumer
 *                      |                      |
 *                      |   queue full: cancelled in the kernel, armed again when it is empty
 *                      |   ENOBUFS: armed again when a buffer is released
 *                      |   ended without a reason (an overflow): armed again
 *                      +-- failure, end of file, return(), abort: ended
 * ```
 *
 * @module
 */

import { CqeFlag, type OpcodeName, type Sqe, SqeFlag } from '../../ring/index.js';
import { Errno, UringError } from '../../syscalls/index.js';
import { AbortError } from '../errors.js';
import { Request } from '../queue/request.js';
import { type Engine, type File, isDirect, type RunOptions } from './operation.js';
import { Scope } from './scope.js';
import { type Abortable, checkSignal, listen, unlisten } from './signals.js';

/** How many results wait for the consumer before the operation is stopped in the kernel. */
const HIGH_WATER = 64;

/** The definition of a kind of multishot operation. */
export interface MultishotRecipe<T> {
  readonly name: OpcodeName;
  readonly file?: File | undefined;
  /**
   * Fills the SQE; with `single`, for kernels without multishot, as an operation that completes
   * once.
   */
  encode(sqe: Sqe, scope: Scope, single: boolean): void;
  /** Decodes a completion: a value, or the end. */
  decode(res: number, flags: number): { readonly value: T } | 'end';
  /** A negative result that is not an error. */
  readonly success?: number | undefined;
  /** Merges a result into one that the consumer has not taken yet, instead of queueing it. */
  merge?(waiting: T, next: T): T;
  /** Called when the consumer is done with a value: it has requested the next one, or stopped. */
  taken?(value: T): void;
  /** Called when a failed completion has nevertheless consumed a buffer. */
  unused?(flags: number): void;
  /** Called with a value that was never taken. */
  dropped?(value: T): void;
  /** Copies the data of a value that was never taken to memory of its own. */
  copy?(value: T): Buffer;
  /** Whether the kernel has a buffer to use. */
  hasBuffers?(): boolean;
  /** Called when the operation has ended for good. */
  release?(): void;
  /** The maximum number of completions. */
  readonly limit?: number | undefined;
  /** Whether results may wait in any number: it must not be stopped and armed again. */
  readonly isUnbounded?: boolean;
}

type State = 'idle' | 'armed' | 'stopping' | 'starved' | 'ended';

/** A continuing operation. It ends when it is left (`break`, `return()`) or aborted. */
export class MultishotIterator<T> extends Request implements AsyncIterableIterator<T>, Abortable {
  /**
   * Data that was received ahead and not taken when the iterator was left or aborted, that of each
   * piece, the oldest first. Used by `readMany`, `recvMany` and `recvmsgMany`; the file no longer
   * contains this data.
   */
  readonly rest: Buffer[] = [];
  private readonly scope: Scope;
  private readonly queue: T[] = [];
  private readonly waiting: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void }[] = [];
  private readonly closers: (() => void)[] = [];
  /** Values that the consumer holds until it requests the next one. */
  private readonly delivered: T[] = [];
  private state: State = 'idle';
  private error: Error | undefined;
  private finished = false;
  private single = false;
  private count = 0;

  /** @internal */
  constructor(
    protected readonly engine: Engine,
    private readonly recipe: MultishotRecipe<T>,
    private readonly options: RunOptions,
  ) {
    super();
    checkSignal('options.signal', options.signal);
    this.scope = new Scope(engine.memory);
    engine.iterators.add(this);
    const { signal } = options;
    if (signal?.aborted) this.finish(new AbortError(signal.reason));
    else if (signal !== undefined) listen(signal, this);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    this.giveBack();
    const value = this.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value: value.value });
    if (this.finished) return this.atTheEnd();
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.arm();
    });
  }

  /**
   * Stops: cancels the operation in the kernel, waits until it has ended there, and releases
   * everything.
   */
  async return(): Promise<IteratorResult<T>> {
    this.giveBack();
    this.finish(undefined);
    this.dropQueue();
    await new Promise<void>((resolve) => this.whenOver(resolve));
    return { done: true, value: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Called when the engine is closing or has failed. @internal */
  engineClosed(error: Error): void {
    this.finish(error);
    this.dropQueue();
  }

  abort(reason: unknown): void {
    this.finish(new AbortError(reason));
    this.dropQueue();
  }

  /** Calls back when the kernel is done with it. @internal */
  whenOver(callback: () => void): void {
    if (this.state === 'ended') callback();
    else this.closers.push(callback);
  }

  /** Called when a buffer is free again. @internal */
  replenished(): void {
    if (this.state !== 'starved') return;
    this.state = 'idle';
    this.arm();
  }

  complete(res: number, flags: number): void {
    const more = (flags & CqeFlag.MORE) !== 0;
    if (!more) this.state = 'idle';
    if (res < 0 && res !== this.recipe.success) {
      this.recipe.unused?.(flags);
      this.failed(res);
    } else {
      this.received(res, flags);
    }
    if (this.state !== 'idle') return;
    if (this.finished) this.end();
    // Ended in the kernel, but still wanted.
    else if (this.waiting.length > 0 || this.single === false) this.arm();
  }

  abandon(error: Error): void {
    this.state = 'ended';
    this.engine.iterators.delete(this);
    this.finish(error);
    for (const close of this.closers.splice(0)) close();
  }

  private received(res: number, flags: number): void {
    const result = this.recipe.decode(res, flags);
    if (result === 'end') {
      this.finish(undefined);
      return;
    }
    this.count++;
    this.deliver(result.value);
    if (this.count === this.recipe.limit) this.finish(undefined);
  }

  private failed(res: number): void {
    const { recipe, engine } = this;
    if (res === -Errno.ECANCELED && !engine.core.closing) return;
    if (res === -Errno.ENOBUFS && recipe.hasBuffers !== undefined) {
      // The kernel is out of buffers: the consumer or the queue holds all of them.
      if (!this.finished && !recipe.hasBuffers()) this.state = 'starved';
      return;
    }
    if (res === -Errno.EINVAL && !this.single && this.count === 0) {
      // The kernel knows the operation, but not this form of it.
      this.single = true;
      return;
    }
    this.finish(engine.core.closing ? engine.core.closingError() : new UringError(res, recipe.name.toLowerCase()));
  }

  private deliver(value: T): void {
    const waiter = this.waiting.shift();
    if (waiter !== undefined) {
      this.delivered.push(value);
      waiter.resolve({ done: false, value });
      return;
    }
    const last = this.queue.length - 1;
    if (this.finished) {
      this.drop(value);
    } else if (last >= 0 && this.recipe.merge !== undefined) {
      this.queue[last] = this.recipe.merge(this.queue[last] as T, value);
    } else {
      this.queue.push(value);
      if (this.queue.length >= HIGH_WATER && !this.recipe.isUnbounded) this.stop();
    }
  }

  /** Takes the oldest value from the queue. */
  private shift(): { readonly value: T } | undefined {
    if (this.queue.length === 0) return undefined;
    const value = this.queue.shift() as T;
    this.delivered.push(value);
    this.arm();
    return { value };
  }

  private dropQueue(): void {
    for (const value of this.queue.splice(0)) this.drop(value);
  }

  private drop(value: T): void {
    const { copy } = this.recipe;
    if (copy !== undefined) this.rest.push(copy(value));
    this.recipe.taken?.(value);
    this.recipe.dropped?.(value);
  }

  /** Releases the values delivered before, which the consumer no longer needs. */
  private giveBack(): void {
    for (const value of this.delivered.splice(0)) this.recipe.taken?.(value);
  }

  protected arm(): void {
    if (this.state !== 'idle' || this.finished || this.queue.length > 0) return;
    const { core } = this.engine;
    try {
      // The kernel no longer uses the memory of the previous run.
      this.scope.release();
      const sqe = core.begin();
      this.recipe.encode(sqe, this.scope, this.single);
      if (isDirect(this.recipe.file)) sqe.setFlags(sqe.flags | SqeFlag.FIXED_FILE);
      core.commit(this);
      this.state = 'armed';
    } catch (error) {
      this.finish(error as Error);
    }
  }

  /** Stops the operation in the kernel. Completions posted before still arrive. */
  private stop(): void {
    if (this.state !== 'armed') return;
    this.state = 'stopping';
    this.engine.core.cancel(this);
  }

  /** Delivers nothing more to the consumer. The kernel may still post completions. */
  private finish(error: Error | undefined): void {
    if (this.finished) return;
    this.finished = true;
    this.error = error;
    if (this.options.signal !== undefined) unlisten(this.options.signal, this);
    for (const waiter of this.waiting.splice(0)) this.atTheEnd().then(waiter.resolve, waiter.reject);
    if (this.state === 'armed') this.stop();
    else if (this.state !== 'stopping') this.end();
  }

  private atTheEnd(): Promise<IteratorResult<T>> {
    const { error } = this;
    if (error === undefined) return Promise.resolve({ done: true, value: undefined });
    // Reported once, as a generator does.
    this.error = undefined;
    return Promise.reject(error);
  }

  /** Releases everything: the kernel is done with it. */
  private end(): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.engine.iterators.delete(this);
    this.scope.release();
    this.recipe.release?.();
    for (const close of this.closers.splice(0)) close();
  }
}
