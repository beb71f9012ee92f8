/**
 * What TypeScript knows of `uring/fs/promises`. See `fs.ts`. Never run: `src/fs/promises.ts` is.
 *
 * @module
 */

export * from 'node:fs/promises';
export {
  Advice,
  backend,
  type Configuration,
  configure,
  FallocateMode,
  type FileHandle,
  type FileRange,
  type FileRanges,
  fadvise,
  fallocate,
  getxattr,
  open,
  type ReadRangesOptions,
  type ReadRangesResult,
  setxattr,
} from '../fs/promises.js';
export * as default from './fs-promises.js';
