/**
 * Loads the rest of the library when it is needed: it takes half as long as Node's own start.
 *
 * @module
 */

type Modules = typeof import('./modules.js');

/**
 * Returns what can be replaced, with all that it needs. The build makes CommonJS, in which
 * `import()` of the library's own modules is `require()`, and synchronous.
 */
export function loadModules(): Modules {
  return import('./modules.js') as unknown as Modules;
}
