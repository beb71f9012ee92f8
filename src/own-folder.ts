/**
 * The folder that the library's own code lies in: of the sources, or of what is built from them.
 *
 * @module
 */

/** Returns its URL. Not a constant: the start of a program is not to wait for it. */
export function ownUrl(): URL {
  return new URL('.', import.meta.url);
}
