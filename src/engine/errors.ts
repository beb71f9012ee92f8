/**
 * The engine's own errors. Those of the system are `UringError`s.
 *
 * @module
 */

/**
 * The error of a cancelled operation, like Node's own: `name` is `'AbortError'`, `code` is
 * `'ABORT_ERR'`, and `cause` holds the reason (the signal's reason, the timeout, or the closing of
 * the ring).
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

/**
 * The function that settles a promise of {@link pendingPromise}, with a result or a promise of one.
 */
export type Settle<T> = (value: T | PromiseLike<T>) => void;

let captured: Settle<unknown> | undefined;
const capture = (resolve: Settle<unknown>): void => {
  captured = resolve;
};

/**
 * Returns a new promise. `settleOfLast`, called right afterwards, returns the function that settles
 * it. This saves a closure for each promise.
 */
export function pendingPromise<T>(): Promise<T> {
  return new Promise<T>(capture as (resolve: (value: T | PromiseLike<T>) => void) => void);
}

/** Returns the function that settles the last promise of {@link pendingPromise}. */
export function settleOfLast<T>(): Settle<T> {
  const settle = captured as Settle<T>;
  // A promise retains the AsyncLocalStorage context that it was created in.
  captured = undefined;
  return settle;
}

/**
 * Rejects a promise of which only `resolve` was kept (which saves a quarter of the memory of a
 * pending promise).
 *
 * The error's stack leads to the code that awaits the promise, as the stacks of Node's own errors
 * do: V8 follows the chain of promises from the running reaction to the `await` at its end. So the
 * stack is captured within a reaction, after the promises have been chained. Success does not pay
 * for this.
 */
export function reject(settle: Settle<never>, error: Error): void {
  let fail = (_error: Error): void => undefined;
  const failing = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  settle(failing.then(undefined, withFramesOfCaller));
  // Only now: chaining the promises takes a microtask, which must run first.
  fail(error);
}

function withFramesOfCaller(error: Error & { code?: unknown }): never {
  // captureStackTrace() would rebuild the first line of Node's own errors,
  // `TypeError [CODE]: message`, without the code.
  const isNodes = typeof error.code === 'string' && error.code.startsWith('ERR_');
  const heading = isNodes ? error.stack?.split('\n    at ', 1)[0] : undefined;
  Error.captureStackTrace(error, withFramesOfCaller);
  if (heading !== undefined) error.stack = heading + (error.stack?.match(/\n {4}at .*/s)?.[0] ?? '');
  throw error;
}
