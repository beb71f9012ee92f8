/**
 * Reads files with Node's own functions: with promises, 64 at a time, and synchronously.
 *
 * @module
 */

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import node from 'node:fs/promises';
import { IN_FLIGHT, PIECE_SIZE, type Reader, type Sink } from './reader.js';

/**
 * Larger files are not read with `readFile`, which is limited to 2 GiB and needs memory for the
 * whole file.
 */
const WHOLE_LIMIT = 8 * 1024 * 1024;

const TURN_MS = 50;

function codeOf(error: unknown): string {
  return error instanceof Object && 'code' in error ? String(error.code) : String(error);
}

/** Delivers a file's content in the same pieces in which the ring reads it. */
function deliver(sink: Sink, index: number, content: Uint8Array): void {
  for (let offset = 0; offset < content.length; offset += PIECE_SIZE) {
    sink.piece(index, offset, content.subarray(offset, offset + PIECE_SIZE));
  }
  sink.done(index);
}

/** Reads with `readFile` of `node:fs/promises`, or of a module with the same interface. */
export class PromisesReader implements Reader {
  /** @param large indexes of files that are too large to be read whole. */
  constructor(
    private readonly large: ReadonlySet<number>,
    readonly name = 'fs.promises.readFile',
    private readonly module: Pick<typeof node, 'open' | 'readFile'> = node,
  ) {}

  async read(paths: readonly string[], sink: Sink, signal: AbortSignal): Promise<void> {
    let next = 0;
    const worker = async () => {
      while (next < paths.length && !signal.aborted) {
        const index = next++;
        const path = paths[index] as string;
        try {
          if (this.large.has(index)) await this.readPieces(path, index, sink, signal);
          else deliver(sink, index, await this.module.readFile(path));
        } catch (error) {
          sink.failed(index, codeOf(error));
        }
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  }

  private async readPieces(path: string, index: number, sink: Sink, signal: AbortSignal): Promise<void> {
    const handle = await this.module.open(path);
    const piece = Buffer.allocUnsafe(PIECE_SIZE);
    try {
      for (let offset = 0; !signal.aborted; offset += PIECE_SIZE) {
        let filled = 0;
        for (let read = -1; read !== 0 && filled < PIECE_SIZE; filled += read) {
          read = (await handle.read(piece, filled, PIECE_SIZE - filled, offset + filled)).bytesRead;
        }
        if (filled > 0) sink.piece(index, offset, piece.subarray(0, filled));
        if (filled < PIECE_SIZE) break;
      }
      sink.done(index);
    } finally {
      await handle.close();
    }
  }

  close(): void {}
}

/** Reads with `fs.readFileSync`. */
export class SyncReader implements Reader {
  readonly name = 'fs.readFileSync';
  private readonly piece = Buffer.allocUnsafe(PIECE_SIZE);

  constructor(private readonly large: ReadonlySet<number>) {}

  async read(paths: readonly string[], sink: Sink, signal: AbortSignal): Promise<void> {
    let turnEnds = performance.now() + TURN_MS;
    for (let index = 0; index < paths.length && !signal.aborted; index++) {
      const path = paths[index] as string;
      try {
        if (this.large.has(index)) await this.readPieces(path, index, sink, signal);
        else deliver(sink, index, readFileSync(path));
      } catch (error) {
        sink.failed(index, codeOf(error));
      }
      if (performance.now() > turnEnds) {
        await new Promise((resolve) => setImmediate(resolve));
        turnEnds = performance.now() + TURN_MS;
      }
    }
  }

  private async readPieces(path: string, index: number, sink: Sink, signal: AbortSignal): Promise<void> {
    const fd = openSync(path, 'r');
    try {
      for (let offset = 0; !signal.aborted; offset += PIECE_SIZE) {
        let filled = 0;
        for (let read = -1; read !== 0 && filled < PIECE_SIZE; filled += read) {
          read = readSync(fd, this.piece, filled, PIECE_SIZE - filled, offset + filled);
        }
        if (filled > 0) sink.piece(index, offset, this.piece.subarray(0, filled));
        if (filled < PIECE_SIZE) break;
        await new Promise((resolve) => setImmediate(resolve));
      }
      sink.done(index);
    } finally {
      closeSync(fd);
    }
  }

  close(): void {}
}

/** Returns the indexes of the files that are too large to be read whole. */
export async function findLarge(paths: readonly string[]): Promise<Set<number>> {
  const large = new Set<number>();
  for (let start = 0; start < paths.length; start += 256) {
    const sizes = await Promise.all(
      paths.slice(start, start + 256).map(async (path) => (await node.stat(path).catch(() => undefined))?.size ?? 0),
    );
    sizes.forEach((size, index) => {
      if (size > WHOLE_LIMIT) large.add(start + index);
    });
  }
  return large;
}
