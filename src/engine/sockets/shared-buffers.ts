/**
 * The buffers that all sockets of an engine receive into: an idle one has none.
 *
 * Nobody can starve the others. Who reads slowly is stopped by itself (see `Receiver`); and when few buffers are left, because many readers
 * keep what they have, what comes next is copied out, and its buffer goes back at once. Who found none waits in a queue, from which as many are
 * let go as there are buffers: with thousands of connections, all of them at once would mostly be refused again.
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

/** Incremental buffers are shared by many small messages; others hold one each. */
const BUFFERS = 64;

/** From how few buffers on data is copied out. */
const FEW = BUFFERS / 4;

/** How often somebody is refused before the next try is put off, and for how long at most. */
const FREE_TRIES = 4;
const LONGEST_PAUSE_MS = 50;

/** Somebody who found no buffer. */
export interface Starved {
  /** There may be some now. */
  replenished(): void;
}

/** One group of buffers, for streams that receive in one form. */
export class SharedBuffers {
  readonly group: BufferGroup;
  /** In the order in which they came. */
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

  /** What a completion has brought. */
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

  /** Whether somebody waits for buffers. */
  get crowded(): boolean {
    return this.starving.size > 0;
  }

  /** Fills the SQE of an operation that receives: again and again, or once, if the kernel cannot or others wait. */
  prepare(sqe: Sqe, fd: number, single: boolean): void {
    this.form.prepare(sqe, fd, this.group.id, single || (this.crowded && this.form.hasSingle));
  }

  /** Tells somebody when there are buffers again. @param refusals how often in a row it found none. */
  wait(starved: Starved, refusals: number): void {
    this.starving.add(starved);
    // They may have come back since the kernel has looked. If it says so again and again, it is short of memory itself.
    if (this.group.available === 0) return;
    if (refusals <= FREE_TRIES) this.feed();
    else this.feedLater(Math.min(LONGEST_PAUSE_MS, refusals - FREE_TRIES));
  }

  /** Takes {@link wait} back. */
  forget(starved: Starved): void {
    this.starving.delete(starved);
  }

  /** Lets those who have waited longest try again, as many as there are buffers, once in a turn of the event loop. */
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
      // Incremental buffers hold the data of several: there may be some left when these have been served.
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
