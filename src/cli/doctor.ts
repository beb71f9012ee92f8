/**
 * `uring doctor`: reports what io_uring supports on this machine; where it is not usable, why, and
 * what to do. Works even if koffi cannot be loaded.
 *
 * @module
 */

import os from 'node:os';
import { OPERATIONS, prepNop } from '../ops/index.js';
import { permissionModelIsOn } from '../permission-model.js';
import type { Part } from '../register/late.js';
import { MODULE_NAMES, type ModuleName } from '../register/names.js';
import * as datagrams from '../register/parts/datagrams.js';
import * as files from '../register/parts/files.js';
import * as sockets from '../register/parts/sockets.js';
import {
  Feature,
  type FeatureName,
  REGISTER_OP_SINCE,
  RegisterOp,
  type RegisterOpName,
  Ring,
  SetupFlag,
  type SetupFlagName,
} from '../ring/index.js';
import { type HostFacts, loadKoffi, readHostFacts, UringError, UringUnavailableError } from '../syscalls/index.js';

/** Supported and missing features, each with the version of Linux that introduced it. */
export interface Capability {
  readonly supported: readonly string[];
  readonly missing: readonly { readonly name: string; readonly since: string }[];
}

/** The interface that a module would work through. */
export interface ModuleDiagnosis {
  readonly by: 'io_uring' | 'node';
  /** Only for `'node'`. */
  readonly reason?: string;
}

/** The findings of the doctor. */
export interface Diagnosis {
  readonly usable: boolean;
  /** Why io_uring is not usable, and what to do. */
  readonly problem: { readonly reason: string; readonly cause: string; readonly remedy: string } | undefined;
  readonly kernel: string;
  readonly architecture: string;
  readonly node: string;
  readonly koffi: string;
  readonly libc: string;
  readonly host: HostFacts;
  readonly disabledByEnvironment: boolean;
  /** For each module, whether `uring/register` would replace it here, and if not, why. */
  readonly modules: Readonly<Record<ModuleName, ModuleDiagnosis>>;
  readonly sharedMemory: boolean | undefined;
  readonly features: Capability | undefined;
  readonly setupFlags: Capability | undefined;
  readonly operations: Capability | undefined;
  /** `undefined` before Linux 6.18, which cannot report this. */
  readonly registerOperations: Capability | undefined;
  /** The median time of a NOP from submission to completion, in nanoseconds. */
  readonly nopNanoseconds: number | undefined;
}

const FEATURE_SINCE: Readonly<Record<FeatureName, string>> = {
  SINGLE_MMAP: '5.4',
  NODROP: '5.5',
  SUBMIT_STABLE: '5.5',
  RW_CUR_POS: '5.6',
  CUR_PERSONALITY: '5.6',
  FAST_POLL: '5.7',
  POLL_32BITS: '5.9',
  SQPOLL_NONFIXED: '5.11',
  EXT_ARG: '5.11',
  NATIVE_WORKERS: '5.12',
  RSRC_TAGS: '5.13',
  CQE_SKIP: '5.17',
  LINKED_FILE: '5.17',
  REG_REG_RING: '6.3',
  RECVSEND_BUNDLE: '6.10',
  MIN_TIMEOUT: '6.12',
  RW_ATTR: '6.14',
  NO_IOWAIT: '6.15',
};

/** Each setup flag with the version of Linux that introduced it, and the flags that it requires. */
const SETUP_FLAGS: Readonly<Record<SetupFlagName, readonly [since: string, ...companions: SetupFlagName[]]>> = {
  IOPOLL: ['5.1'],
  SQPOLL: ['5.1'],
  SQ_AFF: ['5.1', 'SQPOLL'],
  CQSIZE: ['5.5'],
  CLAMP: ['5.6'],
  ATTACH_WQ: ['5.6'],
  R_DISABLED: ['5.10'],
  SUBMIT_ALL: ['5.18'],
  COOP_TASKRUN: ['5.19'],
  TASKRUN_FLAG: ['5.19', 'COOP_TASKRUN'],
  SQE128: ['5.19'],
  CQE32: ['5.19'],
  SINGLE_ISSUER: ['6.0'],
  DEFER_TASKRUN: ['6.1', 'SINGLE_ISSUER'],
  NO_MMAP: ['6.5'],
  REGISTERED_FD_ONLY: ['6.5', 'NO_MMAP'],
  NO_SQARRAY: ['6.6'],
  HYBRID_IOPOLL: ['6.13', 'IOPOLL'],
  CQE_MIXED: ['6.18'],
};

/** Examines the machine. */
export function diagnose(): Diagnosis {
  const base = {
    kernel: os.release(),
    architecture: process.arch,
    node: process.version,
    koffi: koffiVersion(),
    libc: libcVersion(),
    host: readHostFacts(),
    disabledByEnvironment: process.env.URING_DISABLE === '1',
    modules: Object.fromEntries(MODULE_NAMES.map((name) => [name, moduleOf(name)])) as Diagnosis['modules'],
  };
  let ring: Ring;
  try {
    ring = Ring.open({ entries: 8, optionalFlags: ['SINGLE_ISSUER', 'DEFER_TASKRUN'] });
  } catch (error) {
    return {
      ...base,
      usable: false,
      problem: problemOf(error),
      sharedMemory: undefined,
      features: undefined,
      setupFlags: undefined,
      operations: undefined,
      registerOperations: undefined,
      nopNanoseconds: undefined,
    };
  }
  try {
    return {
      ...base,
      usable: true,
      problem: undefined,
      sharedMemory: ring.hasFlag('NO_MMAP'),
      features: capability(
        Object.keys(Feature) as FeatureName[],
        (name) => ring.hasFeature(name),
        (name) => FEATURE_SINCE[name],
      ),
      setupFlags: capability(
        Object.keys(SetupFlag) as SetupFlagName[],
        (name) => trySetup(name, ring),
        (name) => SETUP_FLAGS[name][0],
      ),
      operations: operationsOf(ring),
      registerOperations: registrationsOf(ring),
      nopNanoseconds: timeNop(ring),
    };
  } finally {
    ring.close();
  }
}

/** The parts of the library, by the modules that they replace. */
const PARTS = { fs: files, net: sockets, http: sockets, dgram: datagrams } satisfies Record<ModuleName, Part>;

function moduleOf(name: ModuleName): ModuleDiagnosis {
  if (permissionModelIsOn) return { by: 'node', reason: 'The permission model is on: Node checks each path and address.' };
  try {
    const module = PARTS[name];
    module.configure({ fallback: false });
    return { by: module.backend() };
  } catch (error) {
    return { by: 'node', reason: (error as Error).message };
  }
}

function problemOf(error: unknown): Diagnosis['problem'] {
  if (error instanceof UringUnavailableError) {
    return { reason: error.reason, cause: error.reasonText, remedy: error.remedy };
  }
  if (error instanceof UringError) {
    return {
      reason: 'resources',
      cause: `${error.message}.`,
      remedy: 'Raise the limit that the error names (ulimit -l, ulimit -n), or close what is open.',
    };
  }
  return { reason: 'error', cause: String(error), remedy: 'This is unexpected: please report it.' };
}

function capability<Name extends string>(
  names: readonly Name[],
  has: (name: Name) => boolean,
  since: (name: Name) => string,
): Capability {
  const supported = names.filter(has);
  const missing = names.filter((name) => !supported.includes(name)).map((name) => ({ name, since: since(name) }));
  return { supported, missing };
}

function trySetup(name: SetupFlagName, ring: Ring): boolean {
  const [, ...companions] = SETUP_FLAGS[name];
  try {
    Ring.open({
      entries: 1,
      flags: [name, ...companions].filter((flag) => !['CQSIZE', 'SQ_AFF', 'ATTACH_WQ'].includes(flag)),
      ...(name === 'CQSIZE' ? { cqEntries: 4 } : {}),
      ...(name === 'SQ_AFF' ? { sqThreadCpu: 0 } : {}),
      ...(name === 'ATTACH_WQ' ? { attachTo: ring } : {}),
    }).close();
    return true;
  } catch {
    return false;
  }
}

function operationsOf(ring: Ring): Capability | undefined {
  try {
    const probe = ring.probe();
    const since = new Map(OPERATIONS.map((operation) => [operation.name, operation.since]));
    const names = OPERATIONS.map(({ name }) => name);
    const codes = new Map(OPERATIONS.map(({ name, code }) => [name, code]));
    return capability(
      names,
      (name) => probe.supports(codes.get(name) as number),
      (name) => since.get(name) as string,
    );
  } catch {
    return undefined;
  }
}

function registrationsOf(ring: Ring): Capability | undefined {
  const query = ring.query();
  if (!query) return undefined;
  const names = Object.keys(RegisterOp) as RegisterOpName[];
  return capability(
    names,
    (name) => RegisterOp[name] < query.registerOps,
    (name) => REGISTER_OP_SINCE[name],
  );
}

const NOP_ROUNDS = 20_000;

function timeNop(ring: Ring): number {
  const times = new Float64Array(NOP_ROUNDS);
  const discard = () => undefined;
  for (let round = 0; round < NOP_ROUNDS; round++) {
    const start = process.hrtime.bigint();
    const sqe = ring.getSqe();
    if (sqe) prepNop(sqe);
    ring.submitAndWait(1);
    ring.forEachCqe(discard);
    times[round] = Number(process.hrtime.bigint() - start);
  }
  return times.sort()[NOP_ROUNDS >> 1] as number;
}

function koffiVersion(): string {
  try {
    return loadKoffi().version;
  } catch (error) {
    return `not loaded: ${String((error as Error).message).split('\n', 1)[0]}`;
  }
}

function libcVersion(): string {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const glibc = report?.header?.glibcVersionRuntime;
  return glibc ? `glibc ${glibc}` : process.platform === 'linux' ? 'musl' : 'none';
}

/** Renders the diagnosis for a terminal. */
export function renderDiagnosis(diagnosis: Diagnosis): string {
  const { host } = diagnosis;
  const memlock = host.memlock?.soft;
  const rows: [string, string][] = [
    ['kernel', `${diagnosis.kernel} (${diagnosis.architecture})`],
    ['node', diagnosis.node],
    ['koffi', diagnosis.koffi],
    ['libc', diagnosis.libc],
    ['kernel.io_uring_disabled', host.ioUringDisabled === undefined ? 'no such sysctl' : String(host.ioUringDisabled)],
    ['seccomp', ['none', 'strict', 'a filter is installed'][host.seccompMode ?? -1] ?? 'unknown'],
    ['RLIMIT_MEMLOCK', memlock === undefined ? 'unknown' : memlock === Infinity ? 'unlimited' : `${memlock / 1024} KiB`],
  ];
  if (diagnosis.disabledByEnvironment) rows.push(['URING_DISABLE', '1']);
  if (diagnosis.usable) {
    rows.push(['ring memory', diagnosis.sharedMemory ? 'SharedArrayBuffer (NO_MMAP)' : 'mapped from the ring']);
    rows.push(['features', countOf(diagnosis.features)]);
    rows.push(['setup flags', countOf(diagnosis.setupFlags)]);
    rows.push(['operations', countOf(diagnosis.operations)]);
    const registrations = diagnosis.registerOperations;
    rows.push(['register operations', registrations ? countOf(registrations) : 'not told by this kernel (before 6.18)']);
    rows.push(['NOP round trip', `${Math.round(diagnosis.nopNanoseconds ?? 0)} ns`]);
  }
  const modules = Object.entries(diagnosis.modules);
  const overRing = modules.filter(([, { by }]) => by === 'io_uring').map(([name]) => name);
  rows.push(['uring/register', diagnosis.disabledByEnvironment ? 'replaces nothing (URING_DISABLE=1)' : registerText(overRing)]);
  for (const [name, { reason }] of diagnosis.usable ? modules : [])
    if (reason) rows.push([`  ${name}`, `left to Node: ${reason}`]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  if (diagnosis.problem) {
    lines.push('', `io_uring is not usable here. ${diagnosis.problem.cause}`, diagnosis.problem.remedy);
    const warning = diagnosis.disabledByEnvironment ? 'without a warning' : 'with a warning';
    lines.push(`Programs that run with uring/register use Node's own modules, ${warning}.`);
  } else {
    lines.push('', 'io_uring is usable.');
    lines.push(`Programs run over it with: node --import uring/register PROGRAM`);
  }
  return lines.join('\n');
}

function registerText(overRing: readonly string[]): string {
  return overRing.length === 0 ? 'leaves everything to Node' : `${overRing.join(', ')} over io_uring`;
}

function countOf(capability: Capability | undefined): string {
  if (!capability) return 'unknown';
  const { supported, missing } = capability;
  const total = supported.length + missing.length;
  const list = missing.map(({ name, since }) => `${name} (${since})`).join(', ');
  return `${supported.length} of ${total}${missing.length > 0 ? `; missing: ${list}` : ''}`;
}
