/**
 * How the simulated kernel wakes the event loop: a watcher checks the eventfd whenever it is
 * signaled.
 *
 * @module
 */

import type { EventLoopWaker } from '../syscalls/index.js';
import { timers } from '../timers.js';
import type { EventFile } from './files/event-file.js';

/** Calls `onRing` in its own turn of the event loop. @param close closes the eventfd. */
export function wakerOf(file: EventFile, fd: number, onRing: () => void, close: () => void): EventLoopWaker {
  let announced = false;
  const look = () => {
    if (file.count === 0) return;
    file.count = 0;
    if (announced) return;
    announced = true;
    timers.setImmediate(() => {
      announced = false;
      if (file.watchers.has(look)) onRing();
    });
  };
  file.watchers.add(look);
  return {
    fd,
    kind: 'poll',
    watch: () => undefined,
    rest: () => undefined,
    close: () => {
      if (file.watchers.delete(look)) close();
    },
  };
}
