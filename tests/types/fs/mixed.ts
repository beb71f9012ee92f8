/** The module given to what is written against Node's own. */

import * as all from 'node:fs';
import fs, { type Stats } from 'node:fs';
import promises, { type FileHandle } from 'node:fs/promises';
import { type OwnHandle, own, type ownPromises } from './own.js';

// Ours, for Node's.
const takesOwn = (files: typeof own, close: (handle: OwnHandle) => Promise<void>): unknown => [files.readFileSync('a'), close];
takesOwn(fs, async (handle: OwnHandle) => handle.close());
takesOwn(all, (handle: OwnHandle) => handle.close());
takesOwn({ ...fs, readFileSync: fs.readFileSync }, async () => {});
export const ownStats: own.Stats = fs.statSync('.');
export const ownClass: typeof own.ReadStream = fs.ReadStream;
export const asOwn: (typeof ownPromises)[] = [promises, fs.promises, all.promises];

// What Node's own have made.
export const isFile = (stats: Stats, handle: OwnHandle): boolean => stats.isFile() && handle.fd > 0;
isFile(own.statSync('.'), {} as FileHandle);

// @ts-expect-error The promises are not the module, whoever's they are.
takesOwn(promises, async () => {});
// @ts-expect-error A handle is nothing to be asked.
isFile({} as FileHandle, {} as FileHandle);
