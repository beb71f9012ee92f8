/**
 * Cancellation: ASYNC_CANCEL, repeated until it takes effect.
 *
 * @module
 */

import { prepCancel } from '../../ops/index.js';
import type { Sqe } from '../../ring/index.js';
import { Errno } from '../../syscalls/index.js';
import { timers } from '../../timers.js';
import type { InFlight } from './in-flight.js';
import { Request } from './request.js';

/** How soon a cancellation without effect is repeated: the first delay and the longest. */
const FIRST_RETRY_MS = 1;
const LAST_RETRY_MS = 100;

/** The part of the engine that a cancellation needs. */
export interface CancelContext {
  readonly ring: { readonly closed: boolean };
  readonly operations: InFlight;
  begin(): Sqe;
  commit(request: Request): number;
}

/** A cancellation in flight. */
export class CancelRequest extends Request {
  constructor(
    private readonly context: CancelContext,
    private readonly target: Request,
    private readonly targetId: number,
    private readonly generation: number,
    private readonly retryMs = FIRST_RETRY_MS,
  ) {
    super();
  }

  /** Requests the kernel to end the target. */
  start(): void {
    prepCancel(this.context.begin(), (BigInt(this.generation >>> 0) << 32n) | BigInt(this.targetId));
    this.context.commit(this);
  }

  complete(res: number): void {
    // Not found although it is in flight: it is moving between two lists of the kernel, about to
    // start. Or it is running and cannot be interrupted. In both cases the cancellation is
    // repeated.
    if (res !== -Errno.ENOENT && res !== -Errno.EALREADY) return;
    timers.setTimeout(() => {
      const { context, target, targetId, generation } = this;
      if (context.ring.closed || context.operations.find(targetId, generation) !== target) return;
      new CancelRequest(context, target, targetId, generation, Math.min(2 * this.retryMs, LAST_RETRY_MS)).start();
    }, this.retryMs);
  }

  abandon(): void {}
}
