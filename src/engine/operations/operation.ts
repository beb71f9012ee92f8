/**
 * Operations as values: what to request from the kernel, and how to decode its result. `uring.run`
 * starts one, `uring.link` starts several in order.
 *
 * @module
 */

import { ERESTARTSYS } from '../../linux.js';
import { prepLinkTimeout } from '../../ops/index.js';
import { ownUrl } from '../../own-folder.js';
import { type OpcodeName, type Sqe, SqeFlag } from '../../ring/index.js';
import { Errno, UringError } from '../../syscalls/index.js';
import { timers } from '../../timers.js';
import { checkInteger, outOfRange } from '../../validate.js';
import { AbortError, pendingPromise, reject, type Settle, settleOfLast } from '../errors.js';
import type { KernelMemory } from '../memory/kernel-memory.js';
import type { SocketAddress } from '../memory/socket-address.js';
import type { Core } from '../queue/core.js';
import { Request, type Subject } from '../queue/request.js';
import { Scope } from './scope.js';
import { type Abortable, checkSignal, listen, unlisten } from './signals.js';

/** A slot of the engine's registered files, used in place of a descriptor. See `uring.files`. */
export interface DirectFile {
  /** The slot. */
  readonly slot: number;
}

/**
 * A file: its descriptor, an object that has one (a `FileHandle`), or a slot of the registered
 * files.
 */
export type File = number | { readonly fd: number } | DirectFile;

/** Options that every operation accepts. */
export interface RunOptions {
  /**
   * Cancels the operation: the promise rejects with an `AbortError`, unless the kernel had
   * finished.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Cancels the operation after this many milliseconds, by a linked timeout of the kernel. Since
   * 5.5. (It does not interrupt an operation that blocks in a kernel worker, such as opening a
   * FIFO; `signal` does.)
   */
  readonly timeoutMs?: number | undefined;
}

/** The names of {@link RunOptions}. */
export const RUN_OPTIONS = ['signal', 'timeoutMs'] as const;

/** How to fill an operation's SQE and decode its result. */
export interface Recipe<Result> {
  /** Fills the SQE, with memory from the scope. May throw: then nothing has happened. */
  readonly encode: (sqe: Sqe, scope: Scope) => void;
  /** Decodes the result of a completion that is not an error. */
  readonly decode: (res: number, scope: Scope, flags: number) => Result;
  /** A negative result that is not an error. */
  readonly success?: number | undefined;
  /** The file that the operation is about. A slot makes it use registered files. */
  readonly file?: File | undefined;
  /** Paths that the operation is about, for its errors and for observers. */
  readonly paths?: readonly (string | Uint8Array)[] | undefined;
  /** The address that the operation is about, for observers. */
  readonly address?: SocketAddress | undefined;
}

/**
 * A request to the kernel as a value. Created by the functions of `op`; it can be run any number of
 * times.
 */
export class Operation<Result> {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;

  /** @internal */
  constructor(
    /** Its kernel name. */
    readonly name: OpcodeName,
    options: RunOptions,
    /** @internal */
    readonly recipe: Recipe<Result>,
  ) {
    checkSignal('options.signal', options.signal);
    this.signal = options.signal;
    this.timeoutMs = options.timeoutMs;
    const { timeoutMs } = this;
    if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0 && timeoutMs <= Number.MAX_SAFE_INTEGER)) {
      throw outOfRange('options.timeoutMs', '>= 0 && <= 2 ** 53 - 1', timeoutMs);
    }
  }

  /** Returns the error for a result. @internal */
  error(res: number): Error {
    const paths = this.recipe.paths?.map(textOfPath);
    return new UringError(res, this.name.toLowerCase(), undefined, paths);
  }

  /** Its subject, for observers. @internal */
  get subject(): Subject {
    const { paths = [], address } = this.recipe;
    const [path, dest] = paths.map(textOfPath);
    return { ...(path === undefined ? {} : { path }), ...(dest === undefined ? {} : { dest }), ...(address && { address }) };
  }

  /** Its own `SqeFlag`s. @internal */
  readonly sqeFlags: number = 0;

  /**
   * Returns the same operation, but given to a kernel worker at once: for cases where the first
   * attempt, inline, would mean something else.
   *
   * @internal
   */
  inWorker(): this {
    const copy = Object.create(this) as this;
    return Object.assign(copy, { sqeFlags: SqeFlag.ASYNC });
  }

  /** Returns the same operation with errors created by `error`. @internal */
  withError(error: (res: number) => Error): this {
    const copy = Object.create(this) as this;
    return Object.assign(copy, { error });
  }
}

/** Returns a path as text. */
export function textOfPath(path: string | Uint8Array): string {
  return typeof path === 'string' ? path : Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString();
}

/** Returns the number that represents a file in the SQE. */
export function fdOf(file: File): number {
  if (typeof file === 'number') return file;
  const fd = typeof file === 'object' && file !== null ? ('slot' in file ? file.slot : file.fd) : file;
  checkInteger('file', fd, 0, 0x7fff_ffff);
  return fd as number;
}

/** Returns whether a file is a slot. */
export function isDirect(file: File | undefined): boolean {
  return typeof file === 'object' && file !== null && 'slot' in file;
}

/** Receives the outcome of an operation. */
export interface Outcome<Result> {
  done(value: Result): void;
  failed(error: Error, res: number): void;
}

/** The part of the engine that operations use. */
export interface Engine {
  readonly core: Core;
  readonly memory: KernelMemory;
  /** Iterators and connections that have not ended, whether or not the kernel knows of them. */
  readonly iterators: Set<{ engineClosed(error: Error): void }>;
  readonly recordsCallSites: boolean;
}

/** A timeout linked to an operation. */
class LinkTimeout extends Request {
  /** Its own result: -ETIME when it has cancelled the operation. */
  result: number | undefined;

  constructor(private readonly over: () => void) {
    super();
  }

  complete(res: number): void {
    this.result = res;
    this.over();
  }

  abandon(): void {}
}

/** An operation in flight. */
export class OperationRequest<Result> extends Request implements Abortable {
  /** The ids in the table: of the operation and of its timeout. */
  readonly ids: number[] = [];
  private readonly scope: Scope;
  private aborted: { readonly reason: unknown } | undefined;
  /**
   * The result, while something else is pending: a notification (zero-copy sends), or the
   * completion of the timeout.
   */
  private early: { readonly res: number; readonly flags: number } | undefined;
  private timeout: LinkTimeout | undefined;
  private site: string | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly operation: Operation<Result>,
    private readonly outcome: Outcome<Result>,
  ) {
    super();
    this.scope = new Scope(engine.memory);
    if (engine.recordsCallSites) this.site = callSite();
  }

  override get subject(): Subject {
    return this.operation.subject;
  }

  override get callSite(): string | undefined {
    return this.site;
  }

  /**
   * Puts the operation into the queue.
   *
   * @param link `SqeFlag`s that link it to the next one.
   * @param inChain whether room was reserved for it, together with its neighbors in the chain.
   * @throws what the encoder throws; then nothing has happened.
   */
  start(link = 0, inChain = false): void {
    const { core } = this.engine;
    const { operation, scope } = this;
    const { timeoutMs, signal, recipe } = operation;
    const timed = timeoutMs !== undefined;
    if (timed && !inChain) core.beginTogether(2);
    const sqe = core.begin();
    try {
      recipe.encode(sqe, scope);
    } catch (error) {
      scope.release();
      throw error;
    }
    const direct = isDirect(recipe.file) ? SqeFlag.FIXED_FILE : 0;
    if (typeof recipe.file === 'object') scope.keep(recipe.file);
    sqe.setFlags(sqe.flags | operation.sqeFlags | direct | (timed ? link || SqeFlag.IO_LINK : link));
    this.ids.push(core.commit(this));
    if (timed) {
      this.timeout = new LinkTimeout(() => this.timeoutOver());
      const timeout = core.begin();
      prepLinkTimeout(timeout, scope.timespec(timeoutMs));
      timeout.setFlags(link);
      this.ids.push(core.commit(this.timeout));
    }
    if (signal !== undefined) listen(signal, this);
  }

  /** The number of SQEs that {@link start} takes. */
  get size(): number {
    return this.operation.timeoutMs === undefined ? 1 : 2;
  }

  abort(reason: unknown): void {
    this.aborted ??= { reason };
    this.engine.core.cancel(this);
  }

  complete(res: number, flags: number): void {
    // The notification of a zero-copy send follows the result and adds nothing.
    this.early ??= { res, flags };
    this.settleIfOver();
  }

  abandon(error: Error): void {
    if (this.operation.signal !== undefined) unlisten(this.operation.signal, this);
    this.outcome.failed(error, -Errno.ECANCELED);
  }

  /**
   * Handles the completion of the timeout. If it was cancelled and its operation continues, the
   * kernel never had it: short of memory, it took the operation alone. The time is kept here then.
   */
  private timeoutOver(): void {
    const timeout = this.timeout as LinkTimeout;
    if (this.id >= 0 && timeout.result === -Errno.ECANCELED) {
      const expire = () => {
        timeout.result = -Errno.ETIME;
        this.engine.core.cancel(this);
      };
      // The operation itself keeps the process alive.
      timers.setTimeout(expire, this.operation.timeoutMs).unref();
    }
    this.settleIfOver();
  }

  private settleIfOver(): void {
    const { operation, scope, early, timeout } = this;
    if (this.id >= 0 || early === undefined || (timeout !== undefined && timeout.id >= 0)) return;
    if (operation.signal !== undefined) unlisten(operation.signal, this);
    const { res, flags } = early;
    if (res < 0 && res !== operation.recipe.success) {
      this.outcome.failed(this.errorOf(res), res);
    } else {
      try {
        this.outcome.done(operation.recipe.decode(res, scope, flags));
      } catch (error) {
        this.outcome.failed(error as Error, res);
      }
    }
    scope.release();
  }

  private errorOf(res: number): Error {
    const { operation, timeout, engine } = this;
    // A kernel worker that is interrupted by the cancellation reports EINTR or ERESTARTSYS.
    const cancelled = res === -Errno.ECANCELED || res === -Errno.EINTR || res === -ERESTARTSYS;
    if (cancelled && this.aborted !== undefined) return new AbortError(this.aborted.reason);
    if (cancelled && engine.core.closing) return engine.core.closingError();
    if (cancelled && timeout?.result === -Errno.ETIME) {
      return new AbortError(new UringError(Errno.ETIME, operation.name.toLowerCase(), `${operation.timeoutMs} ms`));
    }
    return operation.error(res);
  }
}

class PromiseOutcome<Result> implements Outcome<Result> {
  constructor(private readonly settle: Settle<Result>) {}

  done(value: Result): void {
    this.settle(value);
  }

  failed(error: Error): void {
    reject(this.settle as Settle<never>, error);
  }
}

/** Starts an operation. @returns a promise of its result. Never throws. */
export function runOperation<Result>(engine: Engine, operation: Operation<Result>): Promise<Result> {
  const { signal } = operation;
  if (signal?.aborted) return Promise.reject(new AbortError(signal.reason));
  const promise = pendingPromise<Result>();
  const outcome = new PromiseOutcome(settleOfLast<Result>());
  try {
    new OperationRequest(engine, operation, outcome).start();
  } catch (error) {
    outcome.failed(error as Error);
  }
  return promise;
}

function callSite(): string | undefined {
  const lines = new Error().stack?.split('\n').slice(1) ?? [];
  const { pathname: ownFolder } = ownUrl();
  // The first line outside the library.
  return lines
    .find((line) => !line.includes(ownFolder))
    ?.trim()
    .replace(/^at /, '');
}
