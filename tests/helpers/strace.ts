/** The calls to the kernel, recorded in words, as strace(1) would show them. */

import { describeSqe } from '../../src/ops/index.js';
import { EnterFlag, GeteventsArg } from '../../src/ring/abi/enter.js';
import { Params } from '../../src/ring/abi/setup.js';
import { RegisterOp, type RegisterOpName } from '../../src/ring/index.js';
import { type RingLayout, readLayout } from '../../src/ring/layout.js';
import type { EventLoopWaker, Syscalls } from '../../src/syscalls/index.js';
import type { SimulatedKernel } from '../../src/testing/index.js';

const NAMES = Object.fromEntries(Object.entries(RegisterOp).map(([name, code]) => [code, name])) as Record<
  number,
  RegisterOpName
>;

/**
 * The size of a register operation's argument in bytes: of the whole, or of each element of an
 * array.
 */
const SIZES: Partial<Record<RegisterOpName, number | { readonly each: number }>> = {
  BUFFERS: { each: 16 },
  FILES: { each: 4 },
  EVENTFD: 4,
  EVENTFD_ASYNC: 4,
  FILES_UPDATE: 16,
  RESTRICTIONS: { each: 16 },
  FILES2: 32,
  BUFFERS2: 32,
  FILES_UPDATE2: 32,
  BUFFERS_UPDATE: 32,
  IOWQ_AFF: { each: 1 },
  IOWQ_MAX_WORKERS: 8,
  RING_FDS: { each: 16 },
  UNREGISTER_RING_FDS: { each: 16 },
  PBUF_RING: 40,
  UNREGISTER_PBUF_RING: 40,
  PBUF_STATUS: 40,
  SYNC_CANCEL: 64,
  FILE_ALLOC_RANGE: 16,
  NAPI: 24,
  UNREGISTER_NAPI: 24,
  CLOCK: 16,
  CLONE_BUFFERS: 64,
  SEND_MSG_RING: 64,
  RESIZE_RINGS: 120,
  MEM_REGION: 32,
  QUERY: 24,
  ZCRX_IFQ: 96,
  ZCRX_CTRL: 48,
};

const WITHOUT_RING = 0x8000_0000;

/**
 * Results of register operations in place of the kernel's: a number, or a function that computes
 * one from the argument's memory.
 */
export type Answers = { readonly [Name in RegisterOpName]?: number | ((argument: DataView) => number) };

/** Records the calls that go through to the simulated kernel. */
export class Strace {
  readonly syscalls: Syscalls;
  private lines: string[] = [];
  /** The location of each ring's queues. */
  private readonly rings = new Map<number, { readonly layout: RingLayout; readonly queues: number; readonly sqes: number }>();

  /**
   * @param answers Results of some register operations in place of the kernel's.
   * @param withSqes Whether to record submitted SQEs and the waker, too.
   */
  constructor(
    private readonly kernel: SimulatedKernel,
    private readonly answers: Answers = {},
    private readonly withSqes = false,
  ) {
    this.syscalls = new Proxy(kernel as Syscalls, {
      get: (target, key: keyof Syscalls & keyof Strace) => {
        const value = target[key] as unknown;
        if (typeof value !== 'function') return value;
        if (key === 'openWaker' && this.withSqes) return (onRing: () => void) => this.waker(target, onRing);
        const describe = this[key] as unknown;
        if (typeof describe !== 'function') return value.bind(target);
        return (...args: unknown[]) => {
          const text = describe.apply(this, args);
          const result = key === 'register' ? this.answer(args[1] as number, args[2] as number) : undefined;
          const sqes = key === 'enter' && this.withSqes ? this.submitted(args[0] as number) : [];
          const answer = result ?? value.apply(target, args);
          this.lines.push(`${key}(${text}) = ${answer}`, ...sqes);
          if (key === 'setup' && answer >= 0) this.remember(answer, args[1] as Uint8Array);
          return answer;
        };
      },
    });
  }

  /** Adds a line. */
  note(line: string): void {
    this.lines.push(line);
  }

  get length(): number {
    return this.lines.length;
  }

  /** Returns what was recorded since the last call. */
  take(): string {
    return this.lines.splice(0).join('\n');
  }

  protected setup(entries: number, params: Uint8Array): string {
    return `${entries}, ${words(params)}`;
  }

  protected enter(fd: number, toSubmit: number, minComplete: number, flags: number, arg: number, size: number): string {
    const names = Object.entries(EnterFlag).flatMap(([name, flag]) => (flags & flag ? name : []));
    return [fd, toSubmit, minComplete, names.join('|') || 0, this.waitArgument(flags, arg, size)].join(', ');
  }

  protected register(fd: number, opcode: number, arg: number, count: number): string {
    const name = NAMES[(opcode & ~WITHOUT_RING) >>> 0] ?? opcode;
    const size = SIZES[name as RegisterOpName];
    const length = typeof size === 'object' ? size.each * count : size;
    const bytes = arg === 0 || length === undefined ? undefined : this.kernel.memory.bytes(arg, length);
    const text = bytes === undefined ? arg && 'memory' : words(bytes);
    return `${fd}, ${name}${opcode & WITHOUT_RING ? '|REGISTERED' : ''}, ${text}, ${count}`;
  }

  protected mmap(_address: number, length: number, protection: number, flags: number, fd: number, offset: number): string {
    return `${length}, ${protection}, 0x${flags.toString(16)}, ${fd}, 0x${offset.toString(16)}`;
  }

  protected munmap(_address: number, length: number): string {
    return `${length}`;
  }

  protected close(fd: number): string {
    return `${fd}`;
  }

  protected duplicate(fd: number): string {
    return `${fd}`;
  }

  private remember(fd: number, bytes: Uint8Array): void {
    const params = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const address = (offset: number) => Number(params.getBigUint64(offset, true));
    const [sqes, queues] = [address(Params.SQ_OFF_USER_ADDR), address(Params.CQ_OFF_USER_ADDR)];
    this.rings.set(fd, { layout: readLayout(params), queues, sqes });
  }

  /** Describes the SQEs between head and tail. */
  private submitted(fd: number): string[] {
    const ring = this.rings.get(fd);
    if (ring === undefined) return [];
    const { layout, queues, sqes } = ring;
    const word = (offset: number) => this.kernel.memory.data(queues + offset, 4)?.getUint32(0, true) as number;
    const lines: string[] = [];
    const tail = word(layout.sqTail);
    for (let counter = word(layout.sqHead); counter !== tail; counter = (counter + 1) >>> 0) {
      const slot = counter & (layout.sqEntries - 1);
      const bytes = this.kernel.memory.bytes(sqes + slot * layout.sqeSize, layout.sqeSize) as Uint8Array;
      lines.push(`  ${readable(describeSqe(bytes.slice()))}`);
    }
    return lines;
  }

  private waker(target: Syscalls, onRing: () => void): EventLoopWaker {
    const waker = target.openWaker(() => {
      this.note('the event loop is woken');
      onRing();
    });
    const noting = <Args extends unknown[]>(name: string, body: (...args: Args) => void) => {
      return (...args: Args) => {
        this.note(`waker.${name}(${args.join()})`);
        body(...args);
      };
    };
    return {
      fd: waker.fd,
      kind: waker.kind,
      watch: noting('watch', waker.watch),
      rest: noting('rest', waker.rest),
      close: noting('close', waker.close),
    };
  }

  private answer(opcode: number, address: number): number | undefined {
    const name = NAMES[(opcode & ~WITHOUT_RING) >>> 0] as RegisterOpName;
    const answer = this.answers[name];
    if (typeof answer !== 'function') return answer;
    return answer(this.kernel.memory.data(address, SIZES[name] as number) as DataView);
  }

  private waitArgument(flags: number, arg: number, size: number): string {
    if (!(flags & EnterFlag.EXT_ARG) || flags & EnterFlag.EXT_ARG_REG) return `${arg}, ${size}`;
    const data = this.kernel.memory.data(arg, size) as DataView;
    const time = this.kernel.memory.data(Number(data.getBigUint64(GeteventsArg.TS, true)), 16) as DataView;
    const rest = words(new Uint8Array(data.buffer, data.byteOffset, GeteventsArg.TS));
    return `${rest} ${time.getBigInt64(0, true)} s ${time.getBigInt64(8, true)} ns`;
  }
}

/** Formats the words that are not zero, by their offset. */
function words(bytes: Uint8Array): string {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const all: string[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const word = data.getUint32(at, true);
    if (word !== 0) all.push(`${at}:0x${word.toString(16)}`);
  }
  for (let at = bytes.length & ~3; at < bytes.length; at++) if (bytes[at] !== 0) all.push(`${at}:0x${bytes[at]?.toString(16)}`);
  return `{${all.join(' ')}}`;
}

/**
 * Shows user data as id and generation, and addresses without the part that depends on earlier
 * allocations.
 */
function readable(line: string): string {
  return line
    .replace(/user_data=(\d+)/, (_, data: string) => `[${BigInt(data) & 0xffff_ffffn}.${BigInt(data) >> 32n}]`)
    .replace(/0x55\w{10}/g, (address) => `+0x${(Number(address) % 4096).toString(16)}`);
}
