/**
 * The engine's own errors; those of the system are `UringError`s.
 *
 * @module
 */

/**
 * An operation that was cancelled, as Node's own: `name` is `'AbortError'`, `code` is `'ABORT_ERR'`, and `cause` says why (the
 * signal's reason, the timeout, or the closing of the ring).
 */
export class AbortError extends Error {
  readonly code = 'ABORT_ERR';

  constructor(cause: unknown, message = 'The operation was aborted') {
    super(message, { cause });
  }

  override get name(): string {
    return 'AbortError';
  }
}

/** A thenable that rejects: to reject a promise of which only `resolve` was kept, which saves a quarter of what a pending one takes. */
export class Rejection implements PromiseLike<never> {
  constructor(private readonly error: Error) {}

  // biome-ignore lint/suspicious/noThenProperty: being a thenable is all that it is for.
  // biome-ignore lint/suspicious/noExplicitAny: the signature of PromiseLike.
  then(_resolve: any, reject?: ((reason: unknown) => any) | null): any {
    reject?.(this.error);
  }
}

/** A value that `resolve` takes: the result, or a {@link Rejection}. */
export type Settle<T> = (value: T | Rejection) => void;

let captured: Settle<unknown>;
const capture = (resolve: Settle<unknown>): void => {
  captured = resolve;
};

/** A promise, and what settles it: `settleOf` right afterwards. Without a closure for each. */
export function pendingPromise<T>(): Promise<T> {
  return new Promise<T>(capture as (resolve: (value: T | PromiseLike<T>) => void) => void);
}

/** What settles the promise that {@link pendingPromise} made last. */
export function settleOfLast<T>(): Settle<T> {
  return captured as Settle<T>;
}
