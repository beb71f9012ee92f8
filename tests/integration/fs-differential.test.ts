/**
 * Random programs that must do the same on `uring/fs` and on `node:fs/promises`, on several kinds
 * of file systems. `URING_RUNS` sets how many run on each, and `URING_SEED` which.
 */

import fs from 'node:fs';
import node from 'node:fs/promises';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { createReadStream, createWriteStream } from '../../src/fs/index.js';
import * as promises from '../../src/fs/promises.js';
import { Uring } from '../../src/index.js';
import { mountAll } from '../helpers/file-systems.js';
import { commands, type Fs, finishProgram, lengths, outcomeOf, type State, startProgram } from '../helpers/fs-programs.js';
import { temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { within } from '../helpers/slow.js';

/** The functions with promises, and the streams. */
const uringFs = { ...promises, createReadStream, createWriteStream };

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

const ours = uringFs as unknown as Fs;
const nodes = { ...node, createReadStream: fs.createReadStream, createWriteStream: fs.createWriteStream } as Fs;

const seed = process.env.URING_SEED ? { seed: Number(process.env.URING_SEED) } : {};

onLinux(`uring/fs and node:fs/promises do the same${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(within(300_000));
  const directory = temporaryDirectory();
  const mounts = mountAll(directory.path);
  afterAll(async () => {
    await Uring.default().close();
    mounts.remove();
    directory.remove();
  });

  describe.each(mounts.all)('on $name', ({ name, path, whyNot }) => {
    const mounted = whyNot === undefined ? test : test.skip;
    const on = whyNot === undefined ? '' : ` (skipped: ${whyNot})`;

    mounted(`one step after the other${on}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(commands, { minLength: 1, maxLength: 40 }), async (program) => {
          const states = [startProgram(ours, path), startProgram(nodes, path)] as const;
          for (const [index, { text, run }] of program.entries()) {
            const [one, other] = [await outcomeOf(run, states[0]), await outcomeOf(run, states[1])];
            expect({ step: index, text, outcome: one }).toEqual({ step: index, text, outcome: other });
          }
          expect(await finishProgram(states[0])).toEqual(await finishProgram(states[1]));
        }),
        // Most programs run on the disk; elsewhere, only the file system differs.
        { numRuns: Number(process.env.URING_RUNS ?? (name === 'the disk' ? 200 : 80)), ...seed },
      );
    });

    mounted(`steps at the same time, on files of their own${on}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(lengths, lengths), { minLength: 1, maxLength: 40 }), async (files) => {
          const states = [startProgram(ours, path), startProgram(nodes, path)] as const;
          const run = (state: State) =>
            Promise.all(
              files.map(async ([first, second], index) => {
                const file = `${state.root}/file-${index}`;
                await state.module.writeFile(file, Buffer.alloc(first, index));
                await state.module.appendFile(file, Buffer.alloc(second, index + 1));
                const handle = await state.module.open(file, 'r+');
                const reads = await Promise.all(
                  [0, first, first + second].map((position) => handle.read(Buffer.alloc(second + 1), 0, second + 1, position)),
                );
                await handle.close();
                return [
                  reads.map(({ bytesRead, buffer }) => [bytesRead, buffer.toString('latin1')]),
                  (await state.module.readFile(file)).length,
                ];
              }),
            );
          expect(await run(states[0])).toEqual(await run(states[1]));
          expect(await finishProgram(states[0])).toEqual(await finishProgram(states[1]));
        }),
        { numRuns: 15, ...seed },
      );
    });
  });
});
