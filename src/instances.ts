/**
 * `instanceof` for classes of ours that stand for classes of Node's.
 *
 * @module
 */

type Class = abstract new (...args: never[]) => object;

/** Has every instance of a class of Node's be one of ours: Node itself makes them. Classes that inherit from ours have their own only. */
export function takesInstancesOf(ours: unknown, nodes: Class): void {
  Object.defineProperty(ours, Symbol.hasInstance, {
    configurable: true,
    value(this: unknown, value: unknown): boolean {
      return this === ours ? value instanceof nodes : Function.prototype[Symbol.hasInstance].call(this, value);
    },
  });
}
