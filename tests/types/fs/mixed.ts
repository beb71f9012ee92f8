/** The module passed to code that is written for Node's own. */

import * as all from 'node:fs';
import fs, { type Stats } from 'node:fs';
import promises, { type FileHandle } from 'node:fs/promises';
import { type OwnHandle, own, type ownPromises } from './own.js';

// Ours in place of Node's.
const takesOwn = (files: typeof own, close: (handle: OwnHandle) => Promise<void>): unknown => [files.readFileSync('a'), close];
takesOwn(fs, async (handle: OwnHandle) => handle.close());
takesOwn(all, (handle: OwnHandle) => handle.close());
takesOwn({ ...fs, readFileSync: fs.readFileSync }, async () => {});
export const ownStats: own.Stats = fs.statSync('.');
export const ownClass: typeof own.ReadStream = fs.ReadStream;
export const asOwn: (typeof ownPromises)[] = [promises, fs.promises, all.promises];

// Objects that Node's own functions have created.
export const isFile = (stats: Stats, handle: OwnHandle): boolean => stats.isFile() && handle.fd > 0;
isFile(own.statSync('.'), {} as FileHandle);

// @ts-expect-error The promises are not the module, neither ours nor Node's.
takesOwn(promises, async () => {});
// @ts-expect-error A handle is not a Stats object.
isFile({} as FileHandle, {} as FileHandle);
