/**
 * Queries the kernel's capabilities: IORING_REGISTER_QUERY (6.18) and IORING_REGISTER_PROBE (5.6).
 *
 * @module
 */

import { type Syscalls, UringError } from '../syscalls/index.js';
import { Probe, Query, RegisterOp } from './abi/register.js';
import type { Arena } from './arena.js';

/** The result of `IORING_REGISTER_QUERY`. Flag masks are numbers: none uses more than 32 bits. */
export interface KernelQuery {
  /** The number of opcodes that the kernel supports: 0 to this minus one. */
  readonly opcodes: number;
  /** The number of register operations that the kernel supports, likewise. */
  readonly registerOps: number;
  /** The supported `Feature` bits. */
  readonly features: number;
  /** The supported `SetupFlag` bits. */
  readonly setupFlags: number;
  /** The supported `EnterFlag` bits. */
  readonly enterFlags: number;
  /** The supported `SqeFlag` bits. */
  readonly sqeFlags: number;
}

/**
 * Queries the kernel's capabilities. Needs no ring.
 *
 * @returns `undefined` where the kernel does not support the query (before 6.18).
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

/** The operations that the kernel of a ring supports. */
export interface OpcodeProbe {
  /** The last opcode that the kernel knows. */
  readonly lastOpcode: number;
  /** Returns whether the kernel supports an opcode. */
  supports(opcode: number): boolean;
}

/**
 * Probes the supported operations with `IORING_REGISTER_PROBE`. See io_uring_get_probe(3).
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
