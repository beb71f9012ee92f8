/**
 * The folder that the library's own code lies in: of the sources, or of what is built from them.
 *
 * @module
 */

export const OWN_URL = new URL('.', import.meta.url);

/** As it stands in stacks. */
export const OWN_FOLDER = OWN_URL.pathname;
