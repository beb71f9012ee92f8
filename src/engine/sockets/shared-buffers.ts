/**
 * The buffers that all connections of an engine receive into: an idle connection has none.
 *
 * Nobody can starve the others. Who reads slowly is stopped by itself (see `Receiver`); and when few buffers are left, because many readers
 * keep what they have, what comes next is copied out, and its buffer goes back at once.
 *
 * @module
 */

import { PAGE_SIZE } from '../../ring/arena.js';
import type { Sqe } from '../../ring/index.js';
import { timers } from '../../timers.js';
import { BufferGroup } from '../buffer-group.js';
import type { BufferOwner } from '../buffers.js';
import { Chunk } from '../chunk.js';
import type { Engine } from '../operation.js';
import type { Block } from '../pool.js';
import type { ReceiveForm } from './forms.js';

/** 4 MiB. Incremental buffers are shared by many small messages; others hold one each. */
const BUFFER_SIZE = 64 * 1024;
const BUFFERS = 64;

/** From how few buffers on data is copied out. */
const FEW = BUFFERS / 4;

/** Somebody who found no buffer. */
export interface Starved {
  /** There may be some now. */
  replenished(): void;
}

/** One group of buffers, for streams that receive in one form. */
export class SharedBuffers {
  readonly group: BufferGroup;
  private readonly starving = new Set<Starved>();
  private scheduled = false;

  /** @throws as the group of buffers; the form is released then. */
  constructor(
    private readonly engine: Engine,
    private readonly form: ReceiveForm,
  ) {
    try {
      this.group = new BufferGroup(engine, {
        count: BUFFERS,
        size: BUFFER_SIZE,
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
    const chunk = group.available < FEW ? this.copyOut(received) : received;
    if (descriptors !== undefined && descriptors.length > 0) {
      chunk.attach(descriptors, () => {
        for (const fd of descriptors) engine.core.closeDescriptor(fd);
      });
    }
    return chunk;
  }

  /** Fills the SQE of an operation that receives. */
  prepare(sqe: Sqe, fd: number, single: boolean): void {
    this.form.prepare(sqe, fd, this.group.id, single);
  }

  /** Tells somebody when there are buffers again. */
  wait(starved: Starved): void {
    this.starving.add(starved);
    // They may have come back since the kernel has looked.
    if (this.group.available > 0) this.feed();
  }

  /** Takes {@link wait} back. */
  forget(starved: Starved): void {
    this.starving.delete(starved);
  }

  /** Lets all who wait try again, once in a turn of the event loop. */
  private feed(): void {
    if (this.scheduled || this.starving.size === 0) return;
    this.scheduled = true;
    timers.setImmediate(() => {
      this.scheduled = false;
      const all = [...this.starving];
      this.starving.clear();
      for (const starved of all) starved.replenished();
    });
  }

  private copyOut(chunk: Chunk): Chunk {
    const { core } = this.engine;
    const { length } = chunk;
    const block = core.pool.take(Math.max(PAGE_SIZE, length));
    chunk.copyTo(block.plain(0, length));
    chunk.release();
    return new Chunk(new Copy(this.engine, block), 0, block, 0, length);
  }
}

/** The memory of a chunk that was copied out. */
class Copy implements BufferOwner {
  private users = 1;

  constructor(
    private readonly engine: Engine,
    private readonly block: Block,
  ) {
    engine.buffers.own(block, this);
  }

  covers(view: Uint8Array): boolean {
    return view.byteOffset + view.length <= this.block.offset + this.block.size;
  }

  use(): void {
    this.users++;
  }

  readonly unuse = (): void => this.giveBack();

  giveBack(): void {
    if (--this.users > 0) return;
    const { core, buffers } = this.engine;
    buffers.disown(this.block);
    core.pool.give(this.block);
  }
}
