/**
 * Functions of `node:fs` that are Node's own until a program has called them many times.
 *
 * Loading the library takes half as long as Node's own start. A program that calls few functions
 * would pay for that and gain nothing, and most programs are such: compilers, linters, and the
 * processes that test runners start read their files synchronously. So the calls are counted at
 * first, and passed to Node's functions. Those with callbacks count only where Node is running no
 * other: the library takes over single calls alone, except those of `readFile`, and with many of
 * these at a time it does not save enough to pay for its loading. And they do not load it while the
 * event loop is busy: the library answers such a call within the call, which is faster where the
 * event loop would wait for a thread, and slower where it has other work.
 *
 * The functions of Node that the library calls are captured at once nevertheless, by the imports
 * below: until the rest is loaded, a program may have installed fake timers or mocks.
 *
 * @module
 */

import '../timers.js';
import { Calls, callsOf } from '../calls.js';
import { areOthersRunning, type Callback, giveToNode, isInCrowd, type Replaced } from '../fs/crowd.js';
import { inPlaceOf, markAsStandIn } from '../fs/in-place.js';
import { isMocked } from '../fs/mocked.js';
import { node, nodePromises } from '../node-fs.js';
import { EventLoopLoad } from './event-loop-load.js';
import type { FileFunctions, Functions } from './files.js';
import type { LatePart } from './late.js';
import { FS_FUNCTIONS, PROMISE_FUNCTIONS } from './names.js';

type LateFiles = LatePart<typeof import('./parts/files.js')>;

type Fn = (...args: unknown[]) => unknown;

const FS = node as unknown as Functions;

/** It calls other functions, which are counted. */
const STREAM = 'createReadStream';

/**
 * The utilization of the event loop from which calls with callbacks do not load the library. Programs
 * that wait for one call after the other have 0.3 to 0.6; archiver has 0.7 to 0.9, and took 1.1 of
 * the time.
 */
const BUSY = 0.65;

type Kind = 'callback' | 'promise' | 'stream';

/** Stands for the library's functions, and for Node's until the library is loaded. */
export class Deferred implements FileFunctions {
  readonly fs: Functions;
  readonly promises: Functions;
  private callsLeft: number;
  /** The number of calls between two looks at how busy the event loop is. */
  private readonly callsPerLook: number;
  private eventLoop: EventLoopLoad | undefined;

  /**
   * @param callsBefore the number of calls that are passed to Node's functions.
   * @param files is loaded after them.
   */
  constructor(
    callsBefore: number,
    private readonly files: LateFiles,
  ) {
    this.callsLeft = callsBefore;
    this.callsPerLook = Math.ceil(callsBefore / 2);
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
      const calls = name === STREAM ? new Calls() : callsOf(`${prefix}${name}`);
      const kind = name === STREAM ? 'stream' : nodes === FS ? 'callback' : 'promise';
      return [name, this.standInFor({ byNode: nodes[name] as Fn, calls }, kind, (ours) => part(ours)[name] as Fn)];
    });
    return Object.fromEntries(standIns);
  }

  private standInFor(replaced: Replaced, kind: Kind, oursOf: (ours: FileFunctions) => Fn): Fn {
    const { byNode, calls } = replaced;
    const { files } = this;
    const hasCallback = kind === 'callback';
    let target = byNode;
    const pass = (...args: unknown[]) => {
      if (!files.isWaiting || kind === 'stream') return target(...args);
      if (hasCallback && isInCrowd()) {
        calls.node++;
        return byNode(...args);
      }
      if (!hasCallback || !areOthersRunning()) this.count(hasCallback);
      if (!files.isWaiting) return target(...args);
      const last = hasCallback ? args.at(-1) : undefined;
      return giveToNode(replaced, args, typeof last === 'function' ? (last as Callback) : undefined);
    };
    const standIn = inPlaceOf(byNode, pass);
    const { native } = byNode as { native?: Fn };
    // fs.realpath.native
    if (native !== undefined) {
      const oursNative = (ours: FileFunctions) => (oursOf(ours) as unknown as { native: Fn }).native;
      const nativeReplaced = { byNode: native, calls: callsOf('fs.realpath.native') };
      Object.assign(standIn, { native: this.standInFor(nativeReplaced, kind, oursNative) });
    }
    files.whenLoaded(({ fileFunctions }) => {
      target = oursOf(fileFunctions);
      markAsStandIn(standIn, target);
    });
    return standIn;
  }

  /** Counts a call, and loads the library where it was one too many. */
  private count(hasCallback: boolean): void {
    this.callsLeft -= 1;
    if (hasCallback && this.callsLeft <= this.callsPerLook) this.eventLoop ??= new EventLoopLoad();
    if (this.callsLeft >= 0 || isMocked()) return;
    if (hasCallback && (this.eventLoop as EventLoopLoad).next() >= BUSY) this.callsLeft = this.callsPerLook;
    else this.files.tryToLoad();
  }
}
