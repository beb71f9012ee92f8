/**
 * The stage for tests of the ring itself: one ring on one kernel, memory for it, and short methods
 * to queue operations and take completions.
 */

import { expect } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import {
  type ArenaBlock as Block,
  Opcode,
  type OpcodeName,
  type Ring,
  type RingOptions,
  type SetupFlagName,
  type Sqe,
} from '../../src/ring/index.js';
import type { TestKernel } from './kernels.js';
import { type CopiedCqe, sqeOf } from './ring.js';

/** The kinds of rings on which most rules must hold. */
export const RING_KINDS: readonly (readonly [name: string, flags: readonly SetupFlagName[]])[] = [
  ['plain', []],
  ['DEFER_TASKRUN', ['SINGLE_ISSUER', 'DEFER_TASKRUN']],
  ['SQPOLL', ['SQPOLL']],
];

/** User data that no test uses. */
const FENCE = 0xfe_ce;

/** The longest wait for a completion that must arrive. */
const LONGEST_MS = 20_000;

export type Prepare = (sqe: Sqe) => void;

/** A ring with its kernel, memory and files. */
export class Stage {
  private readonly fds: number[] = [];

  constructor(
    readonly kernel: TestKernel,
    readonly ring: Ring,
  ) {}

  static open(kernel: TestKernel, options: RingOptions = { entries: 32 }): Stage {
    return new Stage(kernel, kernel.open(options));
  }

  // Operations

  /** Queues an operation. */
  add(userData: number, prepare: Prepare, flags = 0): this {
    const sqe = sqeOf(this.ring);
    prepare(sqe);
    sqe.setUserData(userData);
    if (flags !== 0) sqe.setFlags(sqe.flags | flags);
    return this;
  }

  nop(userData: number, flags = 0): this {
    return this.add(userData, ops.prepNop, flags);
  }

  submit(): number {
    return this.ring.submit();
  }

  /** Takes the next completion, which must arrive. */
  take(): CopiedCqe {
    const cqe = this.ring.waitCqe(LONGEST_MS);
    if (cqe === null) throw new Error('no completion came');
    const { userData, res, flags } = cqe;
    this.ring.advance(1);
    return { userData, res, flags };
  }

  /** Submits what is queued, and takes `count` completions. */
  wait(count: number): CopiedCqe[] {
    this.ring.submit();
    return Array.from({ length: count }, () => this.take());
  }

  /** As {@link wait}. @returns The user data and result of each, in order. */
  results(count: number): [userData: number, res: number][] {
    return this.wait(count).map(({ userData, res }) => [userData, res]);
  }

  /**
   * As {@link results}, sorted by user data: for tests that do not depend on the kernel's order.
   */
  sorted(count: number): [userData: number, res: number][] {
    return this.results(count).sort(([a], [b]) => a - b);
  }

  /** Runs one operation. @returns Its result. */
  run(prepare: Prepare, flags = 0): number {
    const [cqe] = this.add(1, prepare, flags).wait(1);
    return (cqe as CopiedCqe).res;
  }

  /** Checks that nothing else completes: the next completion is that of a new NOP. */
  quiet(): void {
    expect(this.nop(FENCE).wait(1)).toEqual([{ userData: FENCE, res: 0, flags: 0 }]);
  }

  /** Returns the first of these operations that the kernel lacks. */
  lacks(...names: OpcodeName[]): string | undefined {
    const probe = this.ring.probe();
    return names.find((name) => !probe.supports(Opcode[name]));
  }

  // Memory that the kernel may see

  block(size: number): Block {
    return this.ring.arena.block(size);
  }

  put(content: string | Uint8Array): Block {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const block = this.block(Math.max(1, bytes.length));
    block.bytes.set(bytes);
    return block;
  }

  /** Returns the address of a C string. */
  text(value: string): number {
    return this.ring.arena.cString(value).address;
  }

  timespec(milliseconds: number): number {
    const block = this.block(16);
    this.ring.arena.writeUint64(block.offset, Math.floor(milliseconds / 1000));
    this.ring.arena.writeUint64(block.offset + 8, Math.round((milliseconds % 1000) * 1e6));
    return block.address;
  }

  iovecs(...pieces: { readonly address: number; readonly bytes: Uint8Array }[]): number {
    const vector = this.block(16 * Math.max(1, pieces.length));
    pieces.forEach(({ address, bytes }, index) => {
      this.ring.arena.writeUint64(vector.offset + 16 * index, address);
      this.ring.arena.writeUint64(vector.offset + 16 * index + 8, bytes.length);
    });
    return vector.address;
  }

  /** `struct msghdr`. */
  message(pieces: Block[], name?: Block): Block {
    const header = this.block(56);
    const { arena } = this.ring;
    if (name !== undefined) {
      arena.writeUint64(header.offset, name.address);
      arena.writeUint64(header.offset + 8, name.bytes.length);
    }
    arena.writeUint64(header.offset + 16, this.iovecs(...pieces));
    arena.writeUint64(header.offset + 24, pieces.length);
    return header;
  }

  /** `struct sockaddr_in` of a port of 127.0.0.1. */
  loopback(port: number): Block {
    const address = this.block(16);
    const data = dataOf(address);
    data.setUint16(0, AF_INET, true);
    data.setUint16(2, port);
    data.setUint32(4, 0x7f00_0001);
    return address;
  }

  // Files

  /** Checks an fd that an operation has returned, and closes it at the end. */
  keep(fd: number): number {
    expect(fd).toBeGreaterThanOrEqual(0);
    this.fds.push(fd);
    return fd;
  }

  /** Creates a socket with the ring. */
  socket(family: number, type: number): number {
    return this.keep(this.run((sqe) => ops.prepSocket(sqe, family, type, 0)));
  }

  /** Creates a listening TCP socket. */
  listener(backlog = 16): { readonly fd: number; readonly port: number } {
    return this.kernel.listener(backlog);
  }

  /** Creates a TCP connection over loopback. @returns Both ends. */
  connection(): [client: number, server: number] {
    const { fd, port } = this.listener();
    const client = this.socket(AF_INET, SOCK_STREAM);
    const address = this.loopback(port);
    this.add(1, (sqe) => ops.prepAccept(sqe, fd));
    this.add(2, (sqe) => ops.prepConnect(sqe, client, address.address, 16));
    const [[, server], [, connected]] = this.sorted(2) as [[number, number], [number, number]];
    expect(connected).toBe(0);
    return [client, this.keep(server)];
  }

  close(): void {
    this.ring.close();
    for (const fd of this.fds.splice(0)) this.kernel.close(fd);
  }
}

export const AF_UNIX = 1;
export const AF_INET = 2;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;

/** Returns a block as a `DataView`. */
export function dataOf({ bytes }: { readonly bytes: Uint8Array }): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Returns a block as text. */
export function stringOf({ bytes }: { readonly bytes: Uint8Array }, length = bytes.length): string {
  return Buffer.from(bytes.subarray(0, length)).toString();
}
