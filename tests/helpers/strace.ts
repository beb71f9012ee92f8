/** What the kernel is asked, call by call, in words: as strace(1) would show it. */

import { EnterFlag, GeteventsArg } from '../../src/ring/abi/enter.js';
import { RegisterOp, type RegisterOpName } from '../../src/ring/index.js';
import type { Syscalls } from '../../src/syscalls/index.js';
import type { SimulatedKernel } from '../../src/testing/index.js';

const NAMES = Object.fromEntries(Object.entries(RegisterOp).map(([name, code]) => [code, name])) as Record<
  number,
  RegisterOpName
>;

/** Bytes of what a register operation's argument points to: of one, or of each where they are counted. */
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
};

const WITHOUT_RING = 0x8000_0000;

/** Notes what goes through to the simulated kernel. @param answers what some register operations answer in its place. */
export class Strace {
  readonly syscalls: Syscalls;
  private lines: string[] = [];

  constructor(
    private readonly kernel: SimulatedKernel,
    private readonly answers: { readonly [Name in RegisterOpName]?: number } = {},
  ) {
    this.syscalls = new Proxy(kernel as Syscalls, {
      get: (target, key: keyof Syscalls & keyof Strace) => {
        const value = target[key] as unknown;
        if (typeof value !== 'function') return value;
        const describe = this[key] as unknown;
        if (typeof describe !== 'function') return value.bind(target);
        return (...args: unknown[]) => {
          const text = describe.apply(this, args);
          const result = key === 'register' ? this.answer(args[1] as number) : undefined;
          const answer = result ?? value.apply(target, args);
          this.lines.push(`${key}(${text}) = ${answer}`);
          return answer;
        };
      },
    });
  }

  /** What was noted since the last time. */
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

  private answer(opcode: number): number | undefined {
    return this.answers[NAMES[(opcode & ~WITHOUT_RING) >>> 0] as RegisterOpName];
  }

  private waitArgument(flags: number, arg: number, size: number): string {
    if (!(flags & EnterFlag.EXT_ARG) || flags & EnterFlag.EXT_ARG_REG) return `${arg}, ${size}`;
    const data = this.kernel.memory.data(arg, size) as DataView;
    const time = this.kernel.memory.data(Number(data.getBigUint64(GeteventsArg.TS, true)), 16) as DataView;
    const rest = words(new Uint8Array(data.buffer, data.byteOffset, GeteventsArg.TS));
    return `${rest} ${time.getBigInt64(0, true)} s ${time.getBigInt64(8, true)} ns`;
  }
}

/** The words that are not zero, by their offset. */
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
