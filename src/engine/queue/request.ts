/**
 * What the engine knows of an operation in flight: somebody who is told its end.
 *
 * @module
 */

/** Receives the completions of one operation. */
export abstract class Request {
  /** Its row in the table of operations in flight, or -1. Set by the engine. */
  id = -1;

  /** Whether the process stays alive for it. Set through `Core.reference`. */
  keepsAlive = true;

  /**
   * A completion. With `CqeFlag.MORE` in `flags` others follow; without, it is over, and whatever the kernel was given is free again.
   * Must not throw.
   */
  abstract complete(res: number, flags: number): void;

  /**
   * The ring is broken: no completion will come, and the kernel may still use what it was given, which must therefore not be
   * released.
   */
  abstract abandon(error: Error): void;

  /**
   * Asked right before the kernel is shown the operation, of those that were committed as having memory of the user's own: whether it
   * is still there.
   */
  memoryIsIntact(): boolean {
    return true;
  }

  /** Where it was started, when call sites are recorded. */
  get callSite(): string | undefined {
    return undefined;
  }
}
