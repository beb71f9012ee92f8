import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { AcceptPace } from '../../src/net/accept-pace.js';
import { VirtualClock } from '../../src/testing/clock.js';

let clock: VirtualClock;
let uninstall: () => void;

beforeEach(() => {
  clock = new VirtualClock();
  uninstall = clock.install();
  clock.advanceTo(1e9);
});

afterEach(() => uninstall());

/** Takes as many connections as it may in turns of these milliseconds. Returns how many in each. */
async function takeIn(turns: readonly number[]): Promise<number[]> {
  const pace = new AcceptPace();
  const counts: number[] = [];
  let taken = 0;
  for (const milliseconds of turns) {
    let next = pace.wait();
    for (; next === undefined; next = pace.wait()) taken++;
    counts.push(taken);
    clock.advanceTo(clock.now + milliseconds * 1e6);
    await next;
    // The one that has waited.
    taken = 1;
  }
  return counts;
}

test('the number of connections per turn doubles with each short turn, up to 64', async () => {
  expect(await takeIn([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])).toEqual([1, 1, 2, 4, 8, 16, 32, 64, 64]);
});

test('it is one again after a long turn', async () => {
  expect(await takeIn([0.1, 0.1, 0.1, 0.1, 1, 1.5, 0.1, 0.1])).toEqual([1, 1, 2, 4, 8, 1, 1, 2]);
});
