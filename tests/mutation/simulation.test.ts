/** A small part of the simulation: as much as is affordable for each mutant. */

import { expect, test } from '@jest/globals';
import { PROGRAM_NAMES, simulate } from '../simulation/simulate.js';

test.each(PROGRAM_NAMES)('programs of the %s pass', async (program) => {
  for (let seed = 1; seed <= 2; seed++) {
    const { failure } = await simulate({ seed }, 60, program);
    expect(failure?.message).toBeUndefined();
  }
});
