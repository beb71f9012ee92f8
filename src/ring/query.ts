/**
 * What the kernel says of itself: IORING_REGISTER_QUERY (6.18) and IORING_REGISTER_PROBE (5.6).
 *
 * @module
 */

import { type Syscalls, UringError } from '../syscalls/index.js';
import { Probe, Query, RegisterOp } from './abi/register.js';
import type { Arena } from './arena.js';

/** What `IORING_REGISTER_QUERY` answers. Flag masks are numbers: none uses more than 32 bits. */
export interface KernelQuery {
  /** Opcodes the kernel knows: 0 to this minus one. */
  readonly opcodes: number;
  /** Register operations the kernel knows, likewise. */
  readonly registerOps: number;
  /** `Feature` bits. */
  readonly features: number;
  /** `SetupFlag` bits. */
  readonly setupFlags: number;
  /** `EnterFlag` bits. */
  readonly enterFlags: number;
  /** `SqeFlag` bits. */
  readonly sqeFlags: number;
}

/**
 * Asks the kernel what it knows. Needs no ring.
 *
 * @returns `undefined` where the kernel has no such question (before 6.18).
 */
export function queryKernel(syscalls: Syscalls, arena: Arena): KernelQuery | undefined {
  const size = Query.HEADER + Query.OPCODES.SIZE;
  return arena.scratch(size, (offset, address) => {
    const body = offset + Query.HEADER;
    arena.writeUint64(offset + Query.DATA, address + Query.HEADER);
    arena.data.setUint32(offset + Query.OP, Query.OP_OPCODES, true);
    arena.data.setUint32(offset + Query.SIZE, Query.OPCODES.SIZE, true);
    if (syscalls.register(-1, RegisterOp.QUERY, address, 0) < 0) return undefined;
    if (arena.data.getInt32(offset + Query.RESULT, true) < 0) return undefined;
    const u32 = (field: number) => arena.data.getUint32(body + field, true);
    return {
      opcodes: u32(Query.OPCODES.REQUEST),
      registerOps: u32(Query.OPCODES.REGISTER),
      features: u32(Query.OPCODES.FEATURES),
      setupFlags: u32(Query.OPCODES.SETUP),
      enterFlags: u32(Query.OPCODES.ENTER),
      sqeFlags: u32(Query.OPCODES.SQE),
    };
  });
}

/** Which operations a ring's kernel supports. */
export interface OpcodeProbe {
  /** The last opcode that the kernel knows. */
  readonly lastOpcode: number;
  /** Whether it supports an opcode. */
  supports(opcode: number): boolean;
}

/**
 * `IORING_REGISTER_PROBE`. See io_uring_get_probe(3).
 *
 * @throws UringError EINVAL before Linux 5.6.
 */
export function probeOpcodes(syscalls: Syscalls, arena: Arena, fd: number, registerFlag: number): OpcodeProbe {
  const size = Probe.HEADER + Probe.MAX_OPS * Probe.OP_SIZE;
  return arena.scratch(size, (offset, address) => {
    const result = syscalls.register(fd, (RegisterOp.PROBE | registerFlag) >>> 0, address, Probe.MAX_OPS);
    if (result < 0) throw new UringError(result, 'io_uring_register', 'PROBE');
    const lastOpcode = arena.bytes[offset + Probe.LAST_OP];
    const length = arena.bytes[offset + Probe.OPS_LENGTH];
    const supported = new Set<number>();
    for (let index = 0; index < length; index++) {
      const entry = offset + Probe.HEADER + index * Probe.OP_SIZE;
      if (arena.data.getUint16(entry + Probe.OP_FLAGS, true) & Probe.FLAG_SUPPORTED) supported.add(arena.bytes[entry]);
    }
    return { lastOpcode, supports: (opcode) => supported.has(opcode) };
  });
}
