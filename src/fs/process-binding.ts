/**
 * `process.binding`, where asking for it has no effect.
 *
 * @module
 */

import { permissionModelIsOn } from '../permission-model.js';

interface Bindings {
  /** The functions below `node:fs`. Tools such as `mock-fs` replace them. */
  readonly fs: { readonly open: unknown };
  /** The source texts of Node's modules. */
  readonly natives: Readonly<Record<string, string | undefined>>;
}

/** Returns `undefined` where Node does not provide it, or warns. */
export function processBinding<Name extends keyof Bindings>(name: Name): Bindings[Name] | undefined {
  if (permissionModelIsOn || warns()) return undefined;
  try {
    return (process as unknown as { binding(name: Name): Bindings[Name] }).binding(name);
  } catch {
    return undefined;
  }
}

function warns(): boolean {
  const flag = '--pending-deprecation';
  const { execArgv, env } = process;
  return execArgv.includes(flag) || env.NODE_PENDING_DEPRECATION === '1' || (env.NODE_OPTIONS ?? '').includes(flag);
}
