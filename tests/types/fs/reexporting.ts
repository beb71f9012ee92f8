/** The file from which reexports.ts imports the module. */

import whole from 'node:fs';

export * as namespace from 'node:fs';
export { default as fs, type Stats } from 'node:fs';
export type { FileHandle as Handle } from 'node:fs/promises';
export * from 'node:fs/promises';
export { whole as filesystem };
export const exported = whole;
