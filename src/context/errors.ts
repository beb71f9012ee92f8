/**
 * The context's own errors.
 *
 * @module
 */

/**
 * There is no room in the submission queue. Submit, or wait for completions, and add again. Nothing
 * has changed. `code` is `'ERR_URING_NO_SPACE'`.
 */
export class NoSpaceError extends Error {
  readonly code = 'ERR_URING_NO_SPACE';

  constructor() {
    super('No space for more ring entries: submit() or wait() first, or make the context with more entries');
  }

  override get name(): string {
    return 'NoSpaceError';
  }
}
