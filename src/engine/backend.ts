/**
 * Whether a module works through io_uring, or through Node's own where that was allowed.
 *
 * @module
 */

import { checkOptions, invalidArgType } from '../validate.js';
import { permissionModelIsOn } from './permission.js';
import { Uring } from './uring.js';

/** What `configure` of a module takes. */
export interface Configuration {
  /**
   * Work through Node's own module where there is no io_uring, with one warning, instead of failing with the reason. Default: whether
   * the environment says `URING_FALLBACK=1`.
   */
  readonly fallback?: boolean | undefined;
}

/** Too many descriptors: not for ever, and Node needs one as well. */
const TEMPORARY = new Set<string | undefined>(['EMFILE', 'ENFILE']);

/** The choice of one module, in one thread. */
export class Backend {
  private fallback = process.env.URING_FALLBACK === '1';
  private current: Uring | undefined;
  /** Why there is no io_uring, since the fallback took over. */
  private reason: unknown;

  /**
   * @param own the module's name.
   * @param nodes the name of Node's.
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
   * This thread's engine; `undefined` when Node is to be used instead.
   *
   * @throws UringUnavailableError when there is no io_uring, and no fallback is wanted; what preparing throws.
   */
  uring(): Uring | undefined {
    if (this.current !== undefined && !this.current.closed) return this.current;
    // Node checks each path and address itself: where the permission model is on, every call is Node's.
    if (this.reason !== undefined || permissionModelIsOn) return undefined;
    try {
      const uring = Uring.default();
      this.prepare(uring);
      this.current = uring;
      return uring;
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      if (!this.fallback || TEMPORARY.has(code)) throw error;
      this.reason = error;
      process.emitWarning(`${this.own} falls back to ${this.nodes}. ${message}`, { code: 'URING_FALLBACK' });
      return undefined;
    }
  }

  /** What the module works through. @throws as {@link uring}. */
  get name(): 'io_uring' | 'node' {
    return this.uring() === undefined ? 'node' : 'io_uring';
  }
}
