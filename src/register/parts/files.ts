/**
 * The part of the library that replaces functions of `node:fs`.
 *
 * @module
 */

import uringFs from '../../fs/index.js';
import uringPromises from '../../fs/promises.js';
import type { FileFunctions } from '../files.js';

export { backend, configure } from '../../fs/backend.js';

/** The functions that replace those of `node:fs`. */
export const fileFunctions = { fs: uringFs, promises: uringPromises } as unknown as FileFunctions;
