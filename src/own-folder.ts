/**
 * The folder that the library's own code lies in, as it stands in stacks: of the sources, or of what is built from them.
 *
 * @module
 */

export const OWN_FOLDER = new URL('.', import.meta.url).pathname;
