/**
 * How many connections a server takes in one turn of the event loop.
 *
 * A connection that is taken costs memory, and soon has data that costs more; as a descriptor, it
 * costs almost nothing. libuv takes one connection in each turn, so that those that are there
 * are served first. Where connections are short, that is slow: each turn is a wait for events. So
 * the number doubles with each turn that is short, and returns to one with a long turn.
 *
 * @module
 */

import { timers } from '../timers.js';

/**
 * The time in milliseconds from which a turn is long. 60 WebSockets that begin together and send 300
 * KB each took 1.08 of Node's memory with 1, 1.12 with 5, and 1.50 without limit. Servers took 1.6
 * times as many short connections per second as Node's with 1 and 2, and 0.8 with 0.
 */
const LONG_TURN_MS = 1;

/** The most connections in a turn. */
const MOST = 64;

/** The pace of one server. */
export class AcceptPace {
  private perTurn = 1;
  /** How many more may be taken in this turn. */
  private left = 1;
  private turnBegan = 0;

  /** Returns a promise of the turn in which the next connection may be taken; `undefined`: now. */
  wait(): Promise<void> | undefined {
    if (this.left > 0) {
      this.left--;
      return undefined;
    }
    return new Promise((resolve) => {
      timers.setImmediate(() => {
        this.beginTurn();
        resolve();
      });
    });
  }

  private beginTurn(): void {
    const now = timers.now();
    const isLong = now - this.turnBegan >= LONG_TURN_MS;
    this.turnBegan = now;
    this.perTurn = isLong ? 1 : Math.min(2 * this.perTurn, MOST);
    this.left = this.perTurn - 1;
  }
}
