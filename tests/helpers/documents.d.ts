/** The names that code blocks in the documentation take for granted. */

import type diagnostics from 'node:diagnostics_channel';
import type { FileHandle } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import type { Worker } from 'node:worker_threads';
import type * as main from 'uring';
import type * as level from 'uring/ring';
import type * as sockets from 'uring/sockets';
import type * as testing from 'uring/testing';

declare global {
  const uring: main.Uring;
  const op: typeof main.op;
  const PollEvent: typeof main.PollEvent;
  const fd: number;
  const pipe: number;
  const buffer: Uint8Array;
  const data: Uint8Array;
  const path: string;
  const diagnosticsChannel: typeof diagnostics;
  function consume(what: unknown): void;
  const { key, cert }: { key: Buffer; cert: Buffer };
  const app: RequestListener;
  const Ring: typeof level.Ring;
  const ring: level.Ring;
  const prepRead: typeof level.prepRead;
  const SqeFlag: typeof level.SqeFlag;
  const sqe: level.Sqe;
  const worker: Worker;
  const URingContext: typeof main.URingContext;
  const context: main.URingContext;
  const handle: ReturnType<main.URingContext['share']>;
  const listen: typeof sockets.listen;
  const connection: sockets.Connection;
  const file: FileHandle;
  const SimulatedKernel: typeof testing.SimulatedKernel;
  const LINUX_6_1: typeof testing.LINUX_6_1;
  const kernel: testing.SimulatedKernel;
  const Errno: typeof main.Errno;
  const Opcode: typeof level.Opcode;
}
