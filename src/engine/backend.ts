/**
 * The choice of one module between io_uring and, where that is allowed, Node's own module.
 *
 * @module
 */

import { permissionModelIsOn } from '../permission-model.js';
import { checkOptions, invalidArgType } from '../validate.js';
import { Uring } from './uring.js';

/** The argument of a module's `configure`. */
export interface Configuration {
  /**
   * Whether to use Node's own module where there is no io_uring, with one warning, instead of
   * failing with the reason. Default: whether the environment contains `URING_FALLBACK=1`.
   */
  readonly fallback?: boolean | undefined;
}

/** Too many descriptors: a temporary failure, and Node's module needs descriptors as well. */
const TEMPORARY = new Set<string | undefined>(['EMFILE', 'ENFILE']);

/** The choice of one module, in one thread. */
export class Backend {
  private fallback = process.env.URING_FALLBACK === '1';
  private current: Uring | undefined;
  /** Why there is no io_uring, once the fallback is in use. */
  private reason: unknown;

  /**
   * @param own the module's name.
   * @param nodes the name of Node's module.
   * @param prepare makes sure that an engine has what the module needs, or throws.
   */
  constructor(
    private readonly own: string,
    private readonly nodes: string,
    private readonly prepare: (uring: Uring) => void = () => undefined,
  ) {}

  /** Sets how the module behaves. @throws TypeError. */
  configure(configuration: Configuration): void {
    checkOptions(configuration, ['fallback'], 'configuration');
    const { fallback } = configuration;
    if (fallback === undefined) return;
    if (typeof fallback !== 'boolean') throw invalidArgType('configuration.fallback', 'of type boolean', fallback);
    this.fallback = fallback;
    if (!fallback) this.reason = undefined;
  }

  /**
   * Returns this thread's engine, or `undefined` when Node's module is to be used instead.
   *
   * @throws UringUnavailableError when there is no io_uring and no fallback is wanted; any error
   * that `prepare` throws.
   */
  uring(): Uring | undefined {
    if (this.current !== undefined && !this.current.closed) return this.current;
    // Node checks every path and address itself: with the permission model, every call goes to
    // Node.
    if (this.reason !== undefined || permissionModelIsOn) return undefined;
    try {
      const uring = Uring.default();
      // A filter of system calls may allow a ring, and refuse its use.
      uring.checkEnter();
      this.prepare(uring);
      this.current = uring;
      return uring;
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      if (!this.fallback || TEMPORARY.has(code)) throw error;
      this.reason = error;
      warnOnce(`${this.own} falls back to ${this.nodes}. ${message}`, message);
      return undefined;
    }
  }

  /** The interface that the module works through. @throws as {@link uring}. */
  get name(): 'io_uring' | 'node' {
    return this.uring() === undefined ? 'node' : 'io_uring';
  }
}

/** Reasons of which the process was warned. */
const warned = new Set<string>();

/** Warns of a reason once, whichever module meets it first. */
function warnOnce(text: string, reason: string): void {
  if (warned.has(reason)) return;
  warned.add(reason);
  process.emitWarning(text, { code: 'URING_FALLBACK' });
}
