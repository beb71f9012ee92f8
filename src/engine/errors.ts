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

/** What settles a promise of {@link pendingPromise}: with a result, or with a promise of one. */
export type Settle<T> = (value: T | PromiseLike<T>) => void;

let captured: Settle<unknown> | undefined;
const capture = (resolve: Settle<unknown>): void => {
  captured = resolve;
};

/** A promise, and what settles it: `settleOfLast` right afterwards. Without a closure for each. */
export function pendingPromise<T>(): Promise<T> {
  return new Promise<T>(capture as (resolve: (value: T | PromiseLike<T>) => void) => void);
}

/** What settles the promise that {@link pendingPromise} made last. */
export function settleOfLast<T>(): Settle<T> {
  const settle = captured as Settle<T>;
  // A promise has the AsyncLocalStorage of whoever made it.
  captured = undefined;
  return settle;
}

/**
 * Rejects a promise of which only `resolve` was kept (that saves a quarter of what a pending one takes).
 *
 * The error's stack leads to who awaits the promise, as the stacks of Node's own errors do: V8 follows the chain of promises from the reaction
 * that runs to the `await` at its end. So the stack is taken within a reaction, after the chain was tied. Success pays nothing for it.
 */
export function reject(settle: Settle<never>, error: Error): void {
  let fail = (_error: Error): void => undefined;
  const failing = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  settle(failing.then(undefined, withFramesOfCaller));
  // Only now: that the chain is tied is a microtask that has to come first.
  fail(error);
}

function withFramesOfCaller(error: Error & { code?: unknown }): never {
  // The first line of Node's own errors, `TypeError [CODE]: message`, would be made anew without the code.
  const isNodes = typeof error.code === 'string' && error.code.startsWith('ERR_');
  const heading = isNodes ? error.stack?.split('\n    at ', 1)[0] : undefined;
  Error.captureStackTrace(error, withFramesOfCaller);
  if (heading !== undefined) error.stack = heading + (error.stack?.match(/\n {4}at .*/s)?.[0] ?? '');
  throw error;
}
