/**
 * Virtual time. It stands still until somebody waits, or a test moves it on.
 *
 * @module
 */

/** A timer that has been set; `cancel` takes it back. */
export interface Timer {
  cancel(): void;
}

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A clock that moves when it is told to. */
export class VirtualClock {
  /** Nanoseconds since the start. */
  now = 0;
  private entries: Entry[] = [];
  private order = 0;

  /** Calls `fire` at a time, in nanoseconds; timers of the same time fire in the order they were set. */
  at(time: number, fire: () => void): Timer {
    const entry = { at: Math.max(time, this.now), order: this.order++, fire };
    this.entries.push(entry);
    this.entries.sort((a, b) => a.at - b.at || a.order - b.order);
    return {
      cancel: () => {
        this.entries = this.entries.filter((other) => other !== entry);
      },
    };
  }

  /** When the next timer fires; `undefined` if there is none. */
  get next(): number | undefined {
    return this.entries[0]?.at;
  }

  /** Moves time on, firing what is due on the way. */
  advanceTo(time: number): void {
    for (let entry = this.entries[0]; entry !== undefined && entry.at <= time; entry = this.entries[0]) {
      this.entries.shift();
      this.now = entry.at;
      entry.fire();
    }
    this.now = Math.max(this.now, time);
  }
}
