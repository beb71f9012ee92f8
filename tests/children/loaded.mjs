/** What a program has loaded of the library. */

import { createRequire } from 'node:module';

const { cache } = createRequire(import.meta.url);

/** Returns whether it has opened a ring, by the files that were loaded. */
export const isLoaded = (files = Object.keys(cache)) => files.some((file) => file.includes('koffi'));

/** Returns the parts that are loaded, by what they export. */
export const loadedParts = () =>
  Object.entries({ files: 'fileFunctions', sockets: 'acceptByRing' })
    .filter(([, name]) => Object.values(cache).some(({ exports }) => Object.hasOwn(Object(exports), name)))
    .map(([part]) => part);
