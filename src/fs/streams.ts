/**
 * `createReadStream`: Node's own stream over functions that answer at once what is cached, for a
 * part of each turn of the event loop. Unlike with lookups, this is as fast with many streams at a
 * time as with one, since a stream is mostly JavaScript between these calls.
 *
 * Nothing is read ahead of the reader, and `createWriteStream` is Node's own: for both, the ring
 * was slower with several streams at a time, and no faster with one.
 *
 * @module
 */

import type { ReadStream } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { live, node } from '../node-fs.js';
import { openIf, readIf } from './at-once.js';
import { cached, hasAttributesInMemory, hasTime } from './cached.js';
import * as callbacks from './callbacks.js';
import { isSlowToClose } from './closing.js';
import { type Callback, giveToNode } from './crowd.js';
import { systemError } from './errors.js';
import { behind, inPlaceOf } from './in-place.js';
import { answer, overNode } from './one-at-a-time.js';

const open = overNode(node.open, openIf(hasTime));
const read = overNode(node.read, readIf(hasTime));

/** The functions that Node's stream calls for a descriptor that was given to it. */
const callsForGiven = { open, read, close: node.close };

/** The functions that Node's stream calls for a file that it opens itself. */
const calls = {
  open,
  read,
  /**
   * Closes at once, unlike `fs.close`, which comes after what Node's threads were given: a stream
   * closes a file when its reads have ended.
   */
  close: overNode(node.close, (replaced, args) => {
    const [fd, done] = args as [number, Callback];
    // In a worker, Node keeps a list of the descriptors that it has opened there.
    const isQuick = isMainThread && hasTime() && hasAttributesInMemory(fd) === true && !isSlowToClose(fd);
    const ours = isQuick ? cached() : null;
    if (ours === null) return giveToNode(replaced, args, done);
    replaced.calls.cached++;
    const res = ours.calls.close(fd);
    answer(done, res < 0 ? systemError(res, 'close') : null);
    return undefined;
  }),
};

/** Creates a stream that reads a file. See `fs.createReadStream`. */
export const createReadStream = inPlaceOf(
  node.createReadStream,
  (...args: Parameters<typeof node.createReadStream>): ReadStream => {
    const options = optionsOverOurs(args[1]);
    return options === undefined ? node.createReadStream(...args) : node.createReadStream(args[0], options as never);
  },
);

/**
 * Returns a stream's options, including inherited ones, with our functions. Returns `undefined`
 * where Node's stream must be used unchanged: with custom `fs` operations, with file handles
 * (Node's stream calls their methods), and where a program has replaced the functions to see the
 * calls.
 */
function optionsOverOurs(given: unknown): Record<string, unknown> | undefined {
  const options: Record<string, unknown> = {};
  if (typeof given === 'string') options.encoding = given;
  else if (typeof given === 'object') for (const name in given) options[name] = (given as typeof options)[name];
  else if (given !== undefined) return undefined;
  const fd = options.fd ?? undefined;
  if ((fd !== undefined && typeof fd !== 'number') || options.fs !== undefined || isReplaced()) return undefined;
  options.fs = fd === undefined ? calls : callsForGiven;
  return options;
}

/**
 * Returns whether a program has put functions of its own in the place of those called here. With
 * `uring/register`, ours are in place, unless another tool had replaced Node's before.
 */
function isReplaced(): boolean {
  const expected = behind(live.createReadStream) === createReadStream ? callbacks : node;
  return behind(live.open) !== expected.open || behind(live.read) !== expected.read || live.close !== node.close;
}
