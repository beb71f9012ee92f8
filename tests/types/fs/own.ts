/**
 * Node's own modules, by names that are not replaced: check-types.mjs leaves this file as it is.
 */

export { default as own } from 'node:fs';
export { default as ownPromises, type FileHandle as OwnHandle } from 'node:fs/promises';
