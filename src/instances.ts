/**
 * `instanceof` for classes of this library that stand in for classes of Node.js.
 *
 * @module
 */

type Class = abstract new (...args: never[]) => object;

/**
 * Makes every instance of one of Node's classes count as an instance of ours, because Node creates
 * those objects itself. Classes that inherit from ours recognize only their own instances.
 */
export function takesInstancesOf(ours: unknown, nodes: Class): void {
  Object.defineProperty(ours, Symbol.hasInstance, {
    configurable: true,
    value(this: unknown, value: unknown): boolean {
      return this === ours ? value instanceof nodes : Function.prototype[Symbol.hasInstance].call(this, value);
    },
  });
}
