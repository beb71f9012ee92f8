/**
 * An operation in flight, as the engine sees it: the object that is notified of its completions.
 *
 * @module
 */

/** The subject of an operation, apart from a descriptor, for observers. */
export interface Subject {
  /** The path, if it has one. */
  readonly path?: string | undefined;
  /** The second path of a rename or a link. */
  readonly dest?: string | undefined;
  /** The address that a socket is bound or connected to, or that a message is sent to. */
  readonly address?:
    | {
        readonly family: string;
        readonly address?: string | undefined;
        readonly port?: number | undefined;
        readonly path?: string | Uint8Array | undefined;
      }
    | undefined;
}

/** Receives the completions of one operation. */
export abstract class Request {
  /** Its row in the table of operations in flight, or -1. Set by the engine. */
  id = -1;

  /** Whether it keeps the process alive. Set through `Core.reference`. */
  keepsAlive = true;

  /**
   * Called with a completion. With `CqeFlag.MORE` in `flags`, others follow; without it, the
   * operation is done, and the kernel no longer uses the memory that it was given. Must not throw.
   */
  abstract complete(res: number, flags: number): void;

  /**
   * Called when the ring has failed: no completion will arrive, and the kernel may still use the
   * memory that it was given, which must therefore not be released.
   */
  abstract abandon(error: Error): void;

  /**
   * Returns whether the user's memory is still there. Called right before the operation is
   * submitted, if it was committed with memory of the user.
   */
  memoryIsIntact(): boolean {
    return true;
  }

  /** Its subject, apart from a descriptor. Read only when somebody observes. */
  get subject(): Subject | undefined {
    return undefined;
  }

  /** Where it was started, when call sites are recorded. */
  get callSite(): string | undefined {
    return undefined;
  }
}
