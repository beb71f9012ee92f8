/**
 * The path of SQEs to the kernel: into the ring or, when that is full, into the backlog; together
 * where they belong together; and back out, as long as the kernel has not taken them.
 *
 * @module
 */

import { assert } from '../../assert.js';
import { prepCancel, prepNop } from '../../ops/index.js';
import { EnterFlag, type Ring, type Sqe, SqeFlag, SqRingFlag, type SubmissionQueue } from '../../ring/index.js';
import { Errno, UringError } from '../../syscalls/index.js';
import { outOfRange } from '../../validate.js';
import { Backlog } from './backlog.js';
import { type InFlight, Mark } from './in-flight.js';
import type { Request } from './request.js';

/** User data that no operation has: ids are far smaller. */
const NO_OPERATION = 0xffff_ffff_ffff_ffffn;

/** The events of entering the kernel. */
export interface EnterEvents {
  entered(): void;
  /**
   * Called when the kernel has taken less than was submitted, because it is short of memory. It
   * must be entered again.
   */
  stoppedEarly(): void;
  /** Called when the ring has failed for good. */
  failed(error: Error): void;
}

/** Submits to one ring. */
export class Submitter {
  /** Whether the ring has failed: nothing reaches the kernel any more. */
  hasFailed = false;
  private readonly sq: SubmissionQueue;
  private readonly backlog = new Backlog();
  /** The SQE between {@link begin} and {@link commit}. */
  private current: Sqe | null = null;
  private inBacklog = false;
  /** How many SQEs are missing from the chain that is being started. */
  private together = 0;
  /** Whether the chain that is being started finds no room. */
  private roomIsShort = false;
  /** How many of the unsubmitted SQEs the next `enter` waits for. */
  private awaited = 0;
  /** Unsubmitted operations that use memory of the caller. */
  private withUserMemory: number[] = [];
  /**
   * GETEVENTS, from the time that the kernel requests it until an `enter` with it has succeeded;
   * otherwise 0.
   */
  private owedEvents = 0;

  constructor(
    private readonly ring: Ring,
    private readonly inFlight: InFlight,
    private readonly events: EnterEvents,
  ) {
    this.sq = ring.sq;
  }

  /** Whether nothing reaches the kernel any more. */
  get isDead(): boolean {
    return this.ring.closed || this.hasFailed;
  }

  /** Whether a chain is being started. Callbacks in the middle of it must not start operations. */
  get isInChain(): boolean {
    return this.together > 0;
  }

  /** Whether there are more SQEs than fit into the ring. */
  get hasBacklog(): boolean {
    return this.backlog.length > 0;
  }

  /** The number of SQEs in the ring that the kernel has not taken. */
  get unsubmitted(): number {
    return this.sq.ready;
  }

  /** Whether the kernel has requested to be entered, and has not been entered since. */
  get owesEvents(): boolean {
    return this.owedEvents !== 0;
  }

  /**
   * Returns the next SQE, for an encoder to fill. Never `null`: an SQE that finds no room in the
   * ring waits in the backlog.
   */
  begin(): Sqe {
    if (this.backlog.length === 0 && !this.roomIsShort && !this.isDead) {
      const sqe = this.sq.next() ?? this.makeRoom();
      if (sqe !== null) {
        this.inBacklog = false;
        this.current = sqe;
        return sqe;
      }
    }
    this.inBacklog = true;
    this.current = this.backlog.next();
    return this.current;
  }

  /** Puts the SQE of {@link begin} into the queue. @returns the operation's id. */
  commit(request: Request, usesUserMemory: boolean, startTime: number): number {
    const { current } = this;
    assert(current !== null, 'commit follows begin');
    this.current = null;
    const id = this.inFlight.add(request, current, usesUserMemory ? Mark.USER_MEMORY : 0, startTime);
    if (usesUserMemory) this.withUserMemory.push(id);
    if (this.inBacklog) this.inFlight.putInBacklog(id, this.backlog.commit());
    else this.sq.commit();
    if (this.together > 0) this.together--;
    return id;
  }

  /** See `Core.beginTogether`. */
  beginTogether(count: number, arePrompt: boolean): void {
    if (count > this.sq.entries)
      throw outOfRange('operations.length', `<= ${this.sq.entries}, the submission queue's size`, count);
    this.together = count;
    if (this.backlog.length > 0 || this.isDead) return;
    if (this.sq.spaceLeft < count) this.submit();
    // If there is still no room, they wait in the backlog, from which a chain moves as a whole.
    this.roomIsShort = this.sq.spaceLeft < count;
    if (arePrompt && !this.roomIsShort) this.awaited += count;
  }

  /** Ends the chain, if one was being started. */
  endChain(): void {
    this.together = 0;
  }

  /** Submits as many SQEs as fit into the ring, with one `enter`. */
  submit(): void {
    if (this.backlog.length > 0) this.backlog.moveTo(this.sq);
    const { awaited } = this;
    this.awaited = 0;
    this.roomIsShort = false;
    if (this.withUserMemory.length > 0) this.checkUserMemory();
    const { sq, ring } = this;
    for (;;) {
      const pending = sq.publish();
      if (sq.takeTaskrun() || sq.flags & SqRingFlag.CQ_OVERFLOW) this.oweEvents();
      if (pending === 0 && this.owedEvents === 0) return;
      const wait = Math.min(awaited, pending);
      const result = ring.enter(pending, wait, wait > 0 ? EnterFlag.GETEVENTS : this.owedEvents);
      this.events.entered();
      if (result >= 0) {
        this.owedEvents = 0;
        if (result < pending) this.stoppedEarly();
        else if (this.backlog.length === 0) this.withUserMemory.length = 0;
        return;
      }
      if (result === -Errno.EINTR) continue;
      if (result === -Errno.EAGAIN || result === -Errno.EBUSY || result === -Errno.ENOMEM) this.events.stoppedEarly();
      else this.events.failed(new UringError(result, 'io_uring_enter'));
      return;
    }
  }

  /** Makes the next {@link submit} enter the kernel in any case, and post what has completed. */
  oweEvents(): void {
    this.owedEvents = EnterFlag.GETEVENTS;
  }

  /** Returns the SQE of an operation that the kernel has not taken, or `null`. */
  find(id: number): Sqe | null {
    const place = this.inFlight.backlogPlace(id);
    return (place < 0 ? null : this.backlog.find(place)) ?? this.sq.findUnsubmitted(id, this.inFlight.generation(id));
  }

  /**
   * Withdraws an operation that the kernel has not taken: its SQE is replaced by one that does
   * nothing, keeps its place in a chain, completes as cancelled, and breaks a soft chain.
   *
   * @returns whether it was withdrawn.
   */
  withdraw(id: number): boolean {
    const sqe = this.find(id);
    if (sqe !== null) this.neutralize(id, sqe);
    return sqe !== null;
  }

  /**
   * Withdraws the operations of a chain that could not be completed. The kernel has seen none of
   * them.
   */
  retract(ids: readonly number[]): void {
    for (const id of ids) {
      const sqe = this.find(id);
      if (sqe === null) continue;
      this.neutralize(id, sqe);
      sqe.setFlags(0);
    }
  }

  /** Drops the backlog. */
  dropBacklog(): void {
    this.backlog.clear();
  }

  private makeRoom(): Sqe | null {
    this.submit();
    return this.hasFailed ? null : this.sq.next();
  }

  private neutralize(id: number, sqe: Sqe): void {
    const links = sqe.flags & (SqeFlag.IO_LINK | SqeFlag.IO_HARDLINK);
    // A cancellation that finds nothing fails, and so breaks the chain.
    if (links & SqeFlag.IO_LINK) prepCancel(sqe, NO_OPERATION);
    else prepNop(sqe);
    sqe.setFlags(links);
    sqe.setToken(id, this.inFlight.generation(id));
    this.inFlight.withdraw(id);
  }

  /**
   * Withdraws the remainder of a cut chain, which must not run on its own: for the kernel, a chain
   * ends with the last SQE that it took.
   */
  private stoppedEarly(): void {
    for (const sqe of this.sq.restOfCutChain()) {
      const id = sqe.tokenLow;
      if (this.inFlight.at(id) !== undefined) this.neutralize(id, sqe);
    }
    this.events.stoppedEarly();
  }

  /**
   * Withdraws operations whose memory is gone. Called before every `enter`, as the kernel may not
   * have taken all of them.
   */
  private checkUserMemory(): void {
    const { inFlight } = this;
    if (this.withUserMemory.every((id) => inFlight.at(id)?.memoryIsIntact() !== false)) return;
    this.withUserMemory = this.withUserMemory.filter((id) => {
      const request = inFlight.at(id);
      if (!inFlight.isMarked(id, Mark.USER_MEMORY) || request === undefined) return false;
      if (request.memoryIsIntact()) return this.find(id) !== null;
      this.withdraw(id);
      return false;
    });
  }
}
