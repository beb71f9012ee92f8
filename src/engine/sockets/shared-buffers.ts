/**
 * The buffers that all sockets of an engine receive into. An idle socket holds none.
 *
 * No socket can starve the others. A slow reader stops receiving (see `Receiver`). When few buffers
 * are left, because many readers hold theirs, further data is copied out, and its buffer is
 * returned at once. A receiver that found no buffer waits in a queue, from which as many are
 * released as there are buffers: if thousands of connections retried at once, most of them would be
 * refused again.
 *
 * @module
 */

import { PAGE_SIZE } from '../../ring/arena.js';
import type { Sqe } from '../../ring/index.js';
import { timers } from '../../timers.js';
import { BufferGroup } from '../memory/buffer-group.js';
import type { BufferOwner } from '../memory/buffers.js';
import { Chunk } from '../memory/chunk.js';
import type { KernelMemory } from '../memory/kernel-memory.js';
import type { Block } from '../memory/pool.js';
import type { Engine } from '../operations/operation.js';
import type { ReceiveForm } from './forms.js';

/** Many small messages share an incremental buffer; other messages hold one each. */
const BUFFERS = 64;

/** Data is copied out when fewer buffers than this are left. */
const FEW = BUFFERS / 4;

/** How many refusals are retried at once, and the longest delay of the later retries. */
const FREE_TRIES = 4;
const LONGEST_PAUSE_MS = 50;

/** A receiver that found no buffer. */
export interface Starved {
  /** Called when there may be buffers again. */
  replenished(): void;
}

/** A group of buffers for sockets that receive in one form. */
export class SharedBuffers {
  readonly group: BufferGroup;
  /** In the order in which they started to wait. */
  private readonly starving = new Set<Starved>();
  private scheduled = false;
  private timer: NodeJS.Timeout | undefined;

  /** @throws as the group of buffers; the form is released then. */
  constructor(
    private readonly engine: Engine,
    private readonly form: ReceiveForm,
  ) {
    try {
      this.group = new BufferGroup(engine.memory, {
        count: BUFFERS,
        size: form.bufferSize,
        incremental: form.incremental,
        replenished: () => this.feed(),
      });
    } catch (error) {
      form.release?.();
      throw error;
    }
  }

  /** Takes the data that a completion has delivered. */
  take(res: number, flags: number): Chunk {
    const { form, group, engine } = this;
    const received = group.take(res, flags, form.kind);
    const descriptors = form.descriptorsOf?.(received);
    const chunk = !form.isCopied && group.available < FEW ? this.copyOut(received) : received;
    if (descriptors !== undefined && descriptors.length > 0) {
      chunk.attach(descriptors, () => {
        for (const fd of descriptors) engine.core.syscalls.close(fd);
      });
    }
    return chunk;
  }

  /** Whether receivers wait for buffers. */
  get crowded(): boolean {
    return this.starving.size > 0;
  }

  /**
   * Fills the SQE of an operation that receives repeatedly, or once if the kernel has no multishot
   * form or others wait.
   */
  prepare(sqe: Sqe, fd: number, single: boolean): void {
    this.form.prepare(sqe, fd, this.group.id, single || (this.crowded && this.form.hasSingle));
  }

  /**
   * Notifies a receiver when there are buffers again.
   *
   * @param refusals how often in a row it found none.
   */
  wait(starved: Starved, refusals: number): void {
    this.starving.add(starved);
    // Buffers may have been returned since the kernel looked. If the kernel keeps refusing, it is
    // itself short of memory.
    if (this.group.available === 0) return;
    if (refusals <= FREE_TRIES) this.feed();
    else this.feedLater(Math.min(LONGEST_PAUSE_MS, refusals - FREE_TRIES));
  }

  /** Undoes {@link wait}. */
  forget(starved: Starved): void {
    this.starving.delete(starved);
  }

  /**
   * Lets the receivers that have waited longest try again, as many as there are buffers, once in a
   * turn of the event loop.
   */
  private feed(): void {
    if (this.scheduled || this.starving.size === 0) return;
    this.scheduled = true;
    timers.setImmediate(() => {
      this.scheduled = false;
      let left = this.group.available;
      for (const starved of this.starving) {
        if (left-- <= 0) break;
        this.starving.delete(starved);
        starved.replenished();
      }
      // Incremental buffers hold the data of several receivers, so some may be left after these.
      if (this.group.available > 0) this.feed();
    });
  }

  private feedLater(milliseconds: number): void {
    this.timer ??= timers.setTimeout(() => {
      this.timer = undefined;
      this.feed();
    }, milliseconds);
  }

  private copyOut(chunk: Chunk): Chunk {
    const { memory } = this.engine;
    const { length } = chunk;
    const block = memory.pool.take(Math.max(PAGE_SIZE, length));
    chunk.copyTo(block.plain(0, length));
    chunk.release();
    return new Chunk(new Copy(memory, block), 0, block, 0, length);
  }
}

/** The memory of a chunk that was copied out. */
class Copy implements BufferOwner {
  private users = 1;

  constructor(
    private readonly memory: KernelMemory,
    private readonly block: Block,
  ) {
    memory.buffers.own(block, this);
  }

  covers(view: ArrayBufferView): boolean {
    return view.byteOffset + view.byteLength <= this.block.offset + this.block.size;
  }

  use(): void {
    this.users++;
  }

  readonly unuse = (): void => this.giveBack();

  giveBack(): void {
    if (--this.users > 0) return;
    this.memory.buffers.disown(this.block);
    this.memory.pool.give(this.block);
  }
}
