/**
 * Functions of `node:fs` that are Node's own until a program has called them many times.
 *
 * Loading the library takes half as long as Node's own start. A program that calls few functions
 * would pay for that and gain nothing, and most programs are such: compilers, linters, and the
 * processes that test runners start read their files synchronously. So the calls are counted at
 * first, and passed to Node's functions. Lookups count only where no other is running: the library
 * leaves concurrent ones to Node's threads, too.
 *
 * The functions of Node that the library calls are captured at once nevertheless, by the imports
 * below: until the rest is loaded, a program may have installed fake timers or mocks.
 *
 * @module
 */

import '../timers.js';
import { type Calls, callsOf } from '../calls.js';
import { inPlaceOf, markAsStandIn } from '../fs/in-place.js';
import { isMocked } from '../fs/mocked.js';
import { node, nodePromises } from '../node-fs.js';
import type { FileFunctions, Functions } from './files.js';
import type { LateLibrary } from './late.js';
import { FS_FUNCTIONS, PROMISE_FUNCTIONS } from './names.js';

type Fn = (...args: unknown[]) => unknown;

const FS = node as unknown as Functions;

/** Functions with callbacks that look something up, which takes Node's threads a few microseconds. */
const LOOKUPS = new Set(['access', 'exists', 'fstat', 'lstat', 'readlink', 'realpath', 'stat']);

/** A stream calls other functions, which are counted. */
const UNCOUNTED = new Set(['createReadStream']);

/** Stands for the library's functions, and for Node's until the library is loaded. */
export class Deferred implements FileFunctions {
  readonly fs: Functions;
  readonly promises: Functions;

  /** The number of lookups that Node is running. */
  private running = 0;

  /**
   * @param callsLeft the number of calls that are passed to Node's functions.
   * @param library is loaded after them.
   */
  constructor(
    private callsLeft: number,
    private readonly library: LateLibrary,
  ) {
    this.fs = this.standInsFor(FS, FS_FUNCTIONS, 'fs.', (ours) => ours.fs);
    this.promises = this.standInsFor(
      nodePromises as unknown as Functions,
      PROMISE_FUNCTIONS,
      'fs.promises.',
      (ours) => ours.promises,
    );
  }

  private standInsFor(
    nodes: Functions,
    names: readonly string[],
    prefix: string,
    part: (ours: FileFunctions) => Functions,
  ): Functions {
    const standIns = names.map((name) => {
      const counts = UNCOUNTED.has(name) ? undefined : callsOf(`${prefix}${name}`);
      const isLookup = nodes === FS && LOOKUPS.has(name);
      return [name, this.standInFor(nodes[name] as Fn, counts, isLookup, (ours) => part(ours)[name] as Fn)];
    });
    return Object.fromEntries(standIns);
  }

  private standInFor(nodes: Fn, counts: Calls | undefined, isLookup: boolean, oursOf: (ours: FileFunctions) => Fn): Fn {
    let target = nodes;
    const { library } = this;
    const pass = (...args: unknown[]) => {
      if (!library.isWaiting || counts === undefined) return target(...args);
      if (!isLookup || this.running === 0) this.count();
      if (!library.isWaiting) return target(...args);
      counts.node++;
      return isLookup ? this.lookUp(nodes, args) : nodes(...args);
    };
    const standIn = inPlaceOf(nodes, pass);
    const { native } = nodes as { native?: Fn };
    // fs.realpath.native
    if (native !== undefined) {
      const oursNative = (ours: FileFunctions) => (oursOf(ours) as unknown as { native: Fn }).native;
      Object.assign(standIn, { native: this.standInFor(native, callsOf('fs.realpath.native'), isLookup, oursNative) });
    }
    library.whenLoaded(({ fileFunctions }) => {
      target = oursOf(fileFunctions);
      markAsStandIn(standIn, target);
    });
    return standIn;
  }

  /** Passes a lookup to Node. */
  private lookUp(nodes: Fn, args: unknown[]): unknown {
    const callback = args.at(-1);
    if (typeof callback !== 'function') return nodes(...args);
    // Not assigned directly: see `giveToNode` in `fs/one-at-a-time.ts`.
    const counted = (...results: unknown[]) => {
      this.running--;
      callback(...results);
    };
    args[args.length - 1] = counted;
    const result = nodes(...args);
    // Counted only now: the call did not throw.
    this.running++;
    return result;
  }

  /** Counts a call, and loads the library where it was one too many. */
  private count(): void {
    this.callsLeft -= 1;
    if (this.callsLeft < 0 && !isMocked()) this.library.tryToLoad();
  }
}
