/**
 * Sending of datagrams: those of one turn of the event loop with one `enter`.
 *
 * They are copied into a block of the pool as they are added. Datagrams of one size for one
 * receiver become one message, which the kernel cuts into datagrams at the very end (UDP_SEGMENT,
 * "generic segmentation offload"): most of the cost of a datagram is its way through the kernel.
 *
 * ```text
 *   block:  | data of all datagrams | msghdr, control, name, iovecs | msghdr, ... |
 *   ring:   SENDMSG -> link -> SENDMSG -> link -> SENDMSG
 * ```
 *
 * The messages are a chain, and none of them waits in the kernel (MSG_DONTWAIT). So they have
 * completed when `enter` returns, none overtakes another to the same receiver, and after a failure
 * the remainder is not sent: the sink decides what happens to it.
 *
 * @module
 */

import { IOVEC_SIZE, IPPROTO_UDP, MSG_DONTWAIT, MSG_NOSIGNAL, UDP_SEGMENT } from '../../linux.js';
import { prepSendmsg } from '../../ops/index.js';
import { SqeFlag } from '../../ring/index.js';
import { Errno } from '../../syscalls/index.js';
import { Msghdr, writeIovec, writeMessageHeader } from '../memory/message-header.js';
import type { Block, Pool } from '../memory/pool.js';
import type { Engine } from '../operations/operation.js';
import type { Core } from '../queue/core.js';
import type { SubmitHook } from '../queue/pacing.js';
import { Request } from '../queue/request.js';

/**
 * Bytes of data in a block, and so the most of a message with all its datagrams: UDP counts in 16
 * bits.
 */
const DATA_SIZE = 64 * 1024 - 64;

/**
 * The layout of a message for the kernel: `struct msghdr`, a control message of 16 bits,
 * `struct sockaddr_in6`, followed by the vector.
 */
const CONTROL = Msghdr.SIZE;
const CONTROL_LENGTH = 18;
const CONTROL_SPACE = 24;
const NAME = CONTROL + CONTROL_SPACE;
const NAME_SPACE = 32;
const VECTOR = NAME + NAME_SPACE;

/**
 * The most messages of a chain, datagrams of a message (`UDP_MAX_SEGMENTS` before Linux 6.9), and
 * datagrams of a chain.
 */
const MOST_MESSAGES = 64;
const MOST_SEGMENTS = 64;
const MOST_DATAGRAMS = 1024;

const BLOCK_SIZE = 128 * 1024;

/**
 * How many datagrams a message must have, on average, to cost less than sending each of them on its
 * own. Measured on loopback with 64 datagrams in a turn, relative to libuv's throughput: 1.4 with
 * 48 receivers, 0.96 with 64.
 */
const FEWEST_SEGMENTS = 1.2;

/**
 * The kernel's errors where it cannot segment: the datagrams are longer than the route's MTU, or
 * the device cannot compute checksums.
 */
const NOT_SEGMENTED = new Set([-Errno.EINVAL, -Errno.EMSGSIZE, -Errno.EIO, -Errno.EOPNOTSUPP]);

/** Receives the outcome of each datagram, once. */
export interface SentSink<Token> {
  /** Called when it was sent or has failed. @param res its length, or `-errno`. */
  sent(token: Token, res: number): void;
  /**
   * Called when it was not tried, or there is no room at the moment.
   *
   * @param data the sender's memory, which is reused after the call.
   */
  unsent(token: Token, data: Uint8Array): void;
  /**
   * Called when `count` datagrams have so little in common that sending each on its own costs less.
   * {@link unsent} follows for all of them.
   */
  apart(count: number): void;
}

/** Sends the datagrams of one socket. */
export class DatagramSender<Token> implements SubmitHook {
  private readonly core: Core;
  private readonly pool: Pool;
  private messages: DatagramMessage<Token>[] = [];
  /** The last message to each receiver. */
  private readonly open = new Map<Uint8Array | undefined, DatagramMessage<Token>>();
  private block: Block | undefined;
  private used = 0;
  private count = 0;
  private scheduled = false;
  private readonly chains = new Set<Chain<Token>>();
  /** Some datagrams were not sent by the ring, and later ones must not overtake them. */
  private hasUnsent = false;
  /** The size of a datagram up to which the kernel has not refused to segment. */
  private longestSegment = DATA_SIZE;
  private readonly mostMessages: number;

  constructor(
    { core, memory }: Engine,
    private readonly fd: number,
    private readonly sink: SentSink<Token>,
  ) {
    this.core = core;
    this.pool = memory.pool;
    this.mostMessages = Math.min(MOST_MESSAGES, core.ring.sq.entries);
  }

  /** Whether there are datagrams whose outcome was not reported. */
  get isBusy(): boolean {
    return this.count > 0 || this.chains.size > 0;
  }

  /**
   * Sends a datagram at the end of this turn of the event loop, or earlier when the kernel is
   * entered.
   *
   * @param name its receiver's `struct sockaddr`; `undefined` for the peer of a connected socket.
   * Datagrams with the same array have the same receiver.
   * @param pieces its data, which is copied.
   * @param length the total length, at most 16 KiB.
   * @returns whether it was accepted. It is not if the engine is closed or out of memory, or if
   * others had to be sent first and some of them were not sent.
   */
  add(name: Uint8Array | undefined, pieces: readonly Uint8Array[], length: number, token: Token): boolean {
    this.hasUnsent = false;
    if (this.used + length > DATA_SIZE || this.count === MOST_DATAGRAMS) this.flush();
    const message = this.messageFor(name, length);
    if (message === undefined) return false;
    const start = this.used;
    for (const piece of pieces) {
      message.block.plain(this.used, piece.byteLength).set(piece);
      this.used += piece.byteLength;
    }
    message.add(start, length, token);
    this.count++;
    if (!this.scheduled) {
      this.scheduled = true;
      // Replies to datagrams that are delivered one by one are sent together.
      this.core.pacing.defer(this.askLater);
    }
    return true;
  }

  private readonly askLater = () => this.core.pacing.beforeSubmit(this);

  private messageFor(name: Uint8Array | undefined, length: number): DatagramMessage<Token> | undefined {
    const newest = this.messages.at(-1);
    const last = newest?.name === name ? newest : this.open.get(name);
    if (last?.takes(length) && length <= this.longestSegment) return last;
    if (this.messages.length === this.mostMessages) this.flush();
    const { core } = this;
    if (this.hasUnsent || core.closing || core.broken !== undefined) return undefined;
    try {
      this.block ??= this.pool.take(BLOCK_SIZE);
    } catch {
      return undefined;
    }
    const message = new DatagramMessage<Token>(this.block, name, length);
    this.messages.push(message);
    this.open.set(name, message);
    return message;
  }

  /** Sends now what was added. */
  flush(): void {
    this.commit();
    for (const { messages } of this.chains) for (const message of messages) this.core.settleNow(message);
  }

  /** Called when the kernel is about to be entered. */
  commit(): void {
    this.scheduled = false;
    const { core, messages, block, count } = this;
    if (block === undefined) return;
    this.messages = [];
    this.open.clear();
    this.block = undefined;
    this.used = 0;
    this.count = 0;
    // Must not overtake datagrams that are in flight.
    if (count < FEWEST_SEGMENTS * messages.length && this.chains.size === 0) {
      this.sink.apart(count);
      for (const message of messages) this.leave(message, 0);
      this.pool.give(block);
      return;
    }
    const chain = new Chain(core, this.fd, messages, (isOver) => {
      this.chains.delete(chain);
      if (isOver) {
        for (const message of messages) this.tell(message);
        this.pool.give(block);
        return;
      }
      // The kernel may use the block indefinitely.
      for (const { tokens } of messages) for (const token of tokens) this.sink.sent(token, -Errno.ECANCELED);
    });
    this.chains.add(chain);
    chain.commit();
  }

  private tell(message: DatagramMessage<Token>): void {
    const { sink } = this;
    const { tokens, segment, res } = message;
    if (res >= 0) {
      tokens.forEach((token, index) => {
        sink.sent(token, message.lengthOf(index));
      });
      return;
    }
    let tried = 0;
    if (tokens.length > 1 && NOT_SEGMENTED.has(res)) {
      this.longestSegment = Math.min(this.longestSegment, segment - 1);
    } else if (res !== -Errno.ECANCELED && res !== -Errno.EAGAIN) {
      // The kernel has looked at the first datagram only.
      sink.sent(tokens[0] as Token, res);
      tried = 1;
    }
    this.leave(message, tried);
  }

  /** Reports the datagrams of a message, from the index `first` on, as not sent. */
  private leave(message: DatagramMessage<Token>, first: number): void {
    const { tokens } = message;
    this.hasUnsent ||= first < tokens.length;
    for (let index = first; index < tokens.length; index++) this.sink.unsent(tokens[index] as Token, message.dataOf(index));
  }
}

/** The messages of one block, in flight. */
class Chain<Token> {
  private left: number;

  constructor(
    private readonly core: Core,
    private readonly fd: number,
    readonly messages: readonly DatagramMessage<Token>[],
    /**
     * Called when all of them have completed, before their memory is reused; with `false` when the
     * outcome will never be known.
     */
    private readonly done: (isOver: boolean) => void,
  ) {
    this.left = messages.length;
  }

  commit(): void {
    const { core, fd, messages } = this;
    core.beginTogether(messages.length, true);
    let place = DATA_SIZE;
    messages.forEach((message, index) => {
      place = message.write(place);
      message.chain = this;
      const sqe = core.begin();
      prepSendmsg(sqe, fd, message.address, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (index < messages.length - 1) sqe.setFlags(SqeFlag.IO_LINK);
      core.commit(message);
    });
  }

  over(): void {
    if (--this.left > 0) return;
    this.done(true);
  }

  /** Reports the outcome as unknown. The kernel may use the memory indefinitely. */
  lost(): void {
    if (this.left === 0) return;
    this.left = 0;
    this.done(false);
  }
}

/** Datagrams of one size, of which the last may be shorter, for one receiver. */
class DatagramMessage<Token> extends Request {
  readonly tokens: Token[] = [];
  /** Its result. */
  res = 0;
  chain: Chain<Token> | undefined;
  /** The address of its header, for the kernel. */
  address = 0;
  private bytes = 0;
  /** Where the datagrams begin in the block. */
  private readonly offsets: number[] = [];

  constructor(
    readonly block: Block,
    readonly name: Uint8Array | undefined,
    /** Bytes of each datagram. */
    readonly segment: number,
  ) {
    super();
  }

  /** Whether a datagram of this length can be added. */
  takes(length: number): boolean {
    const { segment, tokens, bytes } = this;
    return (
      length > 0 &&
      length <= segment &&
      tokens.length < MOST_SEGMENTS &&
      bytes + length <= DATA_SIZE &&
      // No datagram may follow a shorter one.
      bytes === tokens.length * segment
    );
  }

  add(offset: number, length: number, token: Token): void {
    this.bytes += length;
    this.offsets.push(offset);
    this.tokens.push(token);
  }

  lengthOf(index: number): number {
    return Math.min(this.segment, this.bytes - index * this.segment);
  }

  dataOf(index: number): Uint8Array {
    return this.block.plain(this.offsets[index] as number, this.lengthOf(index));
  }

  /**
   * Writes the message for the kernel.
   *
   * @param place in the block, a multiple of 8.
   * @returns the next place.
   */
  write(place: number): number {
    const { block, name, segment } = this;
    const isSegmented = this.tokens.length > 1;
    this.address = block.address + place;
    if (name !== undefined) block.plain(place + NAME, name.length).set(name);
    if (isSegmented) writeControlMessage(block, place + CONTROL, segment);
    const pieces = this.writeVector(place + VECTOR);
    writeMessageHeader(
      block,
      {
        name: name && { address: this.address + NAME, length: name.length },
        vector: { address: this.address + VECTOR, length: pieces },
        control: isSegmented ? { address: this.address + CONTROL, length: CONTROL_SPACE } : undefined,
      },
      place,
    );
    return place + VECTOR + IOVEC_SIZE * pieces;
  }

  /** Writes the vector. Datagrams that lie one after another are one piece. */
  private writeVector(place: number): number {
    const { block, offsets, segment } = this;
    let pieces = 0;
    let first = 0;
    for (let index = 1; index <= offsets.length; index++) {
      if (index < offsets.length && offsets[index] === (offsets[index - 1] as number) + segment) continue;
      const length = (index - first - 1) * segment + this.lengthOf(index - 1);
      writeIovec(block, pieces++, block.address + (offsets[first] as number), length, place);
      first = index;
    }
    return pieces;
  }

  complete(res: number): void {
    this.res = res;
    this.chain?.over();
  }

  abandon(): void {
    this.chain?.lost();
  }
}

/** Writes the `struct cmsghdr` of UDP_SEGMENT. @param segment bytes of each datagram. */
function writeControlMessage(block: Block, start: number, segment: number): void {
  const { data } = block.region;
  const place = block.offset + start;
  data.setUint32(place, CONTROL_LENGTH, true);
  data.setUint32(place + 4, 0, true);
  data.setInt32(place + 8, IPPROTO_UDP, true);
  data.setInt32(place + 12, UDP_SEGMENT, true);
  data.setUint16(place + 16, segment, true);
}
