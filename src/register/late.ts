/**
 * Loads parts of the library when they are needed: all of it takes half as long as Node's own start.
 *
 * @module
 */

import { withNodesFunctions } from '../node-fs.js';

/** A part of the library, which replaces some of Node's modules. */
export interface Part {
  /** The interface that it works through. */
  backend(): 'io_uring' | 'node';
  /** Has it work through Node's own where there is no io_uring. */
  configure(configuration: { readonly fallback: boolean }): void;
}

/**
 * Loads a module of the library. The build makes CommonJS, in which `import()` of the library's own
 * modules is `require()`, and synchronous.
 *
 * @param load imports it.
 */
export function loadNow<Module>(load: () => Promise<Module>): Module {
  // Node's module loader calls functions of `node:fs`.
  return withNodesFunctions(load) as unknown as Module;
}

/** A part that is loaded once, when one of its users first needs it. */
export class LatePart<Loaded extends Part> {
  private loaded: Loaded | undefined;
  private hasEnded = false;
  private readonly users: ((part: Loaded) => void)[] = [];

  /**
   * @param importPart imports it.
   * @param fallback whether it works through Node's own where there is no io_uring.
   */
  constructor(
    private readonly importPart: () => Promise<Loaded>,
    private readonly fallback: boolean,
  ) {}

  /** Whether it may still be loaded. */
  get isWaiting(): boolean {
    return !this.hasEnded;
  }

  /** Passes the part to a function, once it is loaded. */
  whenLoaded(user: (part: Loaded) => void): void {
    if (this.loaded === undefined) this.users.push(user);
    else user(this.loaded);
  }

  /** Returns the part, and loads it if it is not loaded. @throws whatever prevents it. */
  load(): Loaded {
    if (this.loaded !== undefined) return this.loaded;
    this.hasEnded = true;
    const part = loadNow(this.importPart);
    part.configure({ fallback: this.fallback });
    this.loaded = part;
    for (const user of this.users.splice(0)) user(part);
    return part;
  }

  /**
   * Loads the part, unless that was tried. If it fails, everything is left to Node, with a warning.
   *
   * @returns the part, if it is loaded.
   */
  tryToLoad(): Loaded | undefined {
    if (!this.isWaiting) return this.loaded;
    try {
      return this.load();
    } catch (error) {
      process.emitWarning(`uring could not be loaded: ${(error as Error).message}`, { code: 'URING_FALLBACK' });
      return undefined;
    }
  }

  /** Leaves everything to Node that does not use the part yet. */
  cancel(): void {
    this.hasEnded = true;
    this.loaded = undefined;
  }
}
