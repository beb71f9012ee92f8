/** The simulation itself: that programs pass, that a seed does the same again, and that it notices when the library is wrong. */

import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Block } from '../../src/engine/memory/pool.js';
import { Scope } from '../../src/engine/operations/scope.js';
import { CompletionQueue } from '../../src/ring/completion-queue.js';
import { PROGRAM_NAMES, type ProgramName, simulate } from './simulate.js';
import { Violation, World } from './world.js';

/** The first failure among some seeds. */
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

  test.each(PROGRAM_NAMES)('of the %s do the same again', async (program) => {
    // A failure that is made up: what counts is the trace that leads to it.
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

describe('what is wrong is noticed', () => {
  test('memory that goes back to the pool before its operation is over', async () => {
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

  test('bytes of another place', async () => {
    const { copyTo } = Block.prototype;
    jest.spyOn(Block.prototype, 'copyTo').mockImplementation(function shifted(this: Block, target, length) {
      copyTo.call(this, target, length);
      target[0] ^= 1;
    });
    expect(await firstFailure('engine', 10, 200)).toMatch(/byte 0 of/);
  });

  test('completions that are forgotten', async () => {
    const forEach = CompletionQueue.prototype.forEach;
    let count = 0;
    jest.spyOn(CompletionQueue.prototype, 'forEach').mockImplementation(function lossy(this: CompletionQueue, callback, max) {
      return forEach.call(this, (cqe) => (++count % 50 === 0 ? undefined : callback(cqe)), max);
    });
    expect(await firstFailure('ring', 3, 200)).toMatch(/do not end|did not wait|is over before/);
  });

  test('completions that come twice', async () => {
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
