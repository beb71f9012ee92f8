/**
 * The option `onread` of sockets: what is received goes into a buffer of the program's, and its callback says whether it wants more.
 *
 * @module
 */

import type net from 'node:net';
import type { Duplex } from 'node:stream';
import { Errno } from '../syscalls/index.js';
import { invalidArgType } from '../validate.js';
import { errnoException } from './errors.js';

/** Fills the program's buffers for one socket; what comes although there is a pause is held until it is over. */
export class OwnBuffer {
  private target: Uint8Array | undefined;
  private held: Buffer[] = [];
  private endHeld = false;
  private paused = false;

  private constructor(
    private readonly socket: Duplex,
    private readonly options: net.OnReadOpts,
  ) {}

  /** For the option's value; none for what Node does not take for one. */
  static of(socket: Duplex, onread: net.OnReadOpts | undefined): OwnBuffer | undefined {
    const hasBuffer = onread?.buffer instanceof Uint8Array || typeof onread?.buffer === 'function';
    return hasBuffer && typeof onread.callback === 'function' ? new OwnBuffer(socket, onread) : undefined;
  }

  /** A connection begins. @throws TypeError when the program's function gives no buffer. */
  begin(): void {
    this.held = [];
    this.endHeld = false;
    this.paused = false;
    this.target = undefined;
    this.nextTarget();
    if (this.target === undefined) throw invalidArgType('options.onread.buffer()', 'an instance of Uint8Array', this.target);
  }

  pause(): void {
    this.paused = true;
  }

  /** Hands over what was received. @returns whether more is wanted. */
  deliver(data: Buffer): boolean {
    for (let rest = data; rest.length > 0 && !this.socket.destroyed; ) {
      if (this.paused) {
        this.held.push(rest);
        return false;
      }
      const target = this.target as Uint8Array;
      if (target.length === 0) {
        this.socket.destroy(errnoException(-Errno.ENOBUFS, 'read'));
        return false;
      }
      const length = Math.min(target.length, rest.length);
      target.set(rest.subarray(0, length));
      rest = rest.subarray(length);
      if (this.options.callback(length, target) === false) this.paused = true;
      this.nextTarget();
    }
    return !this.paused;
  }

  /** Nothing more comes. @returns whether the program is to hear of it now. */
  end(): boolean {
    this.endHeld = this.paused;
    return !this.paused;
  }

  /** The pause is over: hands over what was held. */
  resume(): 'reading' | 'paused' | 'ended' {
    this.paused = false;
    for (const piece of this.held.splice(0)) this.deliver(piece);
    if (this.paused) return 'paused';
    const hasEnded = this.endHeld;
    this.endHeld = false;
    return hasEnded ? 'ended' : 'reading';
  }

  /** Node asks for one in advance, and stays with the last one when it gets none. */
  private nextTarget(): void {
    const { buffer } = this.options;
    const next = typeof buffer === 'function' ? buffer() : buffer;
    if (next instanceof Uint8Array) this.target = next;
  }
}
