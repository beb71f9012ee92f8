/**
 * Puts functions in the place of others in live modules, and takes them out again.
 *
 * @module
 */

import { syncBuiltinESMExports } from 'node:module';

type Replaced = [target: object, name: string, before: PropertyDescriptor, ours: unknown];

/** Replacements that are undone together. */
export class Patch {
  private replaced: Replaced[] = [];

  /** Replaces a property's value. Its other attributes stay as they are. */
  replace(target: object, name: string, ours: unknown): void {
    const before = Object.getOwnPropertyDescriptor(target, name);
    // A version of Node that has no such function, or one that cannot be replaced.
    if (before === undefined || !before.configurable || before.value === ours) return;
    const { enumerable = false } = before;
    Object.defineProperty(target, name, { value: ours, writable: true, enumerable, configurable: true });
    this.replaced.push([target, name, before, ours]);
  }

  /** Has `import { name } from 'node:fs'` see what was replaced. */
  publish(): void {
    syncBuiltinESMExports();
  }

  /** Undoes all of it; what somebody else has replaced since stays theirs. */
  undo(): void {
    for (const [target, name, before, ours] of this.replaced.splice(0).reverse()) {
      if (Object.getOwnPropertyDescriptor(target, name)?.value === ours) Object.defineProperty(target, name, before);
    }
    this.publish();
  }
}
