/**
 * The simulation itself: programs pass, a seed reproduces its run, and faults in the library are
 * noticed.
 */

import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Block } from '../../src/engine/memory/pool.js';
import { Scope } from '../../src/engine/operations/scope.js';
import { CompletionQueue } from '../../src/ring/completion-queue.js';
import { PROGRAM_NAMES, type ProgramName, simulate } from './simulate.js';
import { Violation, World } from './world.js';

/** Returns the first failure among some seeds. */
async function firstFailure(program: ProgramName, seeds: number, steps: number): Promise<string | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const { failure } = await simulate({ seed }, steps, program);
    if (failure !== undefined) return failure.message;
  }
  return undefined;
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('programs', () => {
  test.each(PROGRAM_NAMES)('of the %s pass', async (program) => {
    expect(await firstFailure(program, 8, 150)).toBeUndefined();
  });

  test.each(PROGRAM_NAMES)('of the %s leave the same trace when a seed runs again', async (program) => {
    // An artificial failure: the trace that leads to it is under test.
    const { check } = World.prototype;
    jest.spyOn(World.prototype, 'check').mockImplementation(function enough(this: World) {
      check.call(this);
      if (this.steps === 120) throw new Violation('enough');
    });
    const run = async () => (await simulate({ seed: 7, chaos: { fail: 0.05 } }, 200, program)).failure;
    const [once, again] = [await run(), await run()];
    expect(once?.message).toBe('enough');
    expect(again).toEqual(once);
  });
});

describe('the simulation notices', () => {
  test('memory that returns to the pool before its operation has completed', async () => {
    const release = Scope.prototype.release;
    jest.spyOn(Scope.prototype, 'cString').mockImplementation(function early(this: Scope, text) {
      const address = (this as unknown as { block(size: number): { address: number } }).block(64);
      const { region, offset } = (this as unknown as { firstBlock: { region: { bytes: Uint8Array }; offset: number } })
        .firstBlock;
      region.bytes.set(Buffer.from(`${text}\0`), offset);
      release.call(this);
      return address.address;
    });
    expect(await firstFailure('engine', 10, 200)).toBeDefined();
  });

  test('bytes that are wrong', async () => {
    const { copyTo } = Block.prototype;
    jest.spyOn(Block.prototype, 'copyTo').mockImplementation(function shifted(this: Block, target, length) {
      copyTo.call(this, target, length);
      target[0] ^= 1;
    });
    expect(await firstFailure('engine', 10, 200)).toMatch(/byte 0 of/);
  });

  test('completions that are lost', async () => {
    const forEach = CompletionQueue.prototype.forEach;
    let count = 0;
    jest.spyOn(CompletionQueue.prototype, 'forEach').mockImplementation(function lossy(this: CompletionQueue, callback, max) {
      return forEach.call(this, (cqe) => (++count % 50 === 0 ? undefined : callback(cqe)), max);
    });
    expect(await firstFailure('ring', 3, 200)).toMatch(/do not end|did not wait|is over before/);
  });

  test('completions that are delivered twice', async () => {
    const forEach = CompletionQueue.prototype.forEach;
    let count = 0;
    jest.spyOn(CompletionQueue.prototype, 'forEach').mockImplementation(function stutter(this: CompletionQueue, callback, max) {
      const body = (cqe: Parameters<typeof callback>[0]) => {
        callback(cqe);
        if (++count % 50 === 0) callback(cqe);
      };
      return forEach.call(this, body, max);
    });
    expect(await firstFailure('ring', 3, 200)).toMatch(/is over or never was/);
  });
});
