/**
 * Loads the rest of the library when it is needed: it takes half as long as Node's own start.
 *
 * The build makes CommonJS, in which `import()` of the library's own modules is `require()`, and
 * synchronous.
 *
 * @module
 */

import { withNodesFunctions } from '../node-fs.js';

/** What can be replaced, with all that it needs. */
export type Modules = typeof import('./modules.js');

/** Loads the library. */
export function loadModules(): Modules {
  return import('./modules.js') as unknown as Modules;
}

/** The library, which is loaded once, when one of its users first needs it. */
export class LateLibrary {
  private modules: Modules | undefined;
  private hasEnded = false;
  private readonly users: ((modules: Modules) => void)[] = [];

  /** @param configure is called first of all. */
  constructor(private readonly configure: (modules: Modules) => void) {}

  /** Whether it may still be loaded. */
  get isWaiting(): boolean {
    return !this.hasEnded;
  }

  /** Passes the library to a function, once it is loaded. */
  whenLoaded(user: (modules: Modules) => void): void {
    if (this.modules === undefined) this.users.push(user);
    else user(this.modules);
  }

  /** Loads the library, if it is not loaded. @throws whatever prevents it. */
  load(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    // Node's module loader calls functions of `node:fs`.
    const modules = withNodesFunctions(loadModules);
    this.configure(modules);
    this.modules = modules;
    for (const user of this.users.splice(0)) user(modules);
  }

  /** Loads the library. If that fails, everything is left to Node, with a warning. */
  tryToLoad(): void {
    try {
      this.load();
    } catch (error) {
      process.emitWarning(`uring could not be loaded: ${(error as Error).message}`, { code: 'URING_FALLBACK' });
    }
  }

  /** Leaves everything to Node, unless the library is loaded. */
  cancel(): void {
    this.hasEnded = true;
  }
}
