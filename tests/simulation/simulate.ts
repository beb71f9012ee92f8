/** Runs programs by seed. */

import { runContextProgram } from './context-program.js';
import { runEngineProgram } from './engine-program.js';
import { runRingProgram } from './ring-program.js';
import { runSocketsProgram } from './sockets-program.js';
import { World, type WorldOptions } from './world.js';

const PROGRAMS = {
  ring: async (world: World, steps: number) => runRingProgram(world, steps),
  context: async (world: World, steps: number) => runContextProgram(world, steps),
  engine: runEngineProgram,
  sockets: runSocketsProgram,
};

export type ProgramName = keyof typeof PROGRAMS;

export const PROGRAM_NAMES = Object.keys(PROGRAMS) as ProgramName[];

/** The outcome of a run. */
export interface Outcome {
  readonly program: ProgramName;
  readonly seed: number;
  readonly steps: number;
  /** The error, and the trace of the kernel before it. */
  readonly failure: { readonly message: string; readonly trace: readonly string[] } | undefined;
}

/**
 * The programs that seeds run, in rotation. A step of the engine costs several times as much as one
 * of the others.
 */
const SHARES: readonly ProgramName[] = ['ring', 'context', 'engine', 'ring', 'sockets', 'context'];

/** Returns the program that a seed runs. */
export function programOf(seed: number): ProgramName {
  return SHARES[seed % SHARES.length] as ProgramName;
}

/** Runs one program to its end. */
export async function simulate(options: WorldOptions, steps: number, program = programOf(options.seed)): Promise<Outcome> {
  const world = new World(options);
  try {
    await PROGRAMS[program](world, steps);
    return { program, seed: options.seed, steps: world.steps, failure: undefined };
  } catch (error) {
    const { name, message, stack } = error as Error;
    const where = name === 'Violation' ? message : (stack ?? message);
    return { program, seed: options.seed, steps: world.steps, failure: { message: where, trace: world.readable() } };
  } finally {
    world.end();
  }
}
