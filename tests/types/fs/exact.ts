/** The module has exactly the names of Node's; so has the module of promises. */

import fs, * as all from 'node:fs';
import type * as promises from 'node:fs/promises';
import { own, type ownPromises } from './own.js';

type Same<A, B> = [A, B] extends [B, A] ? true : false;

export const names: Same<keyof typeof fs, keyof typeof own> = true;
export const namesOfAll: Same<keyof typeof all, keyof typeof own> = true;
export const namesOfPromises: keyof typeof ownPromises extends keyof typeof promises ? true : false = true;
export const fake: Record<keyof typeof fs, unknown> = { ...own };

// @ts-expect-error The module is not a member of itself.
export const whole = all.default;
// @ts-expect-error Nor is the module of promises.
export const wholePromises = fs.promises.default;
