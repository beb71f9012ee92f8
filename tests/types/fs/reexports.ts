/** The module re-exported in each of its forms, and types that others derive from it. */

import { exported, filesystem, fs, type Handle, namespace, type Stats } from './reexporting.js';

export const sizes = (...all: readonly Stats[]): number[] => all.map(({ size }) => size);
export const stats: fs.Stats = fs.statSync('.');
export const big: namespace.BigIntStats = namespace.statSync('.', { bigint: true });
export const handle: Promise<Handle> = filesystem.promises.open('.');
export const entry: filesystem.Dirent | undefined = exported.readdirSync('.', { withFileTypes: true })[0];

// Inferred types must be nameable in a declaration.
export const inferred = { stats: fs.statSync('.'), opened: fs.promises.open('.'), folder: namespace.opendirSync('.') };
export const later = async () => (await import('./reexporting.js')).exported.promises.stat('.');
export const { readFile, promises: nested } = fs;

// @ts-expect-error The re-exported module is the same, with the same types.
export const wrong: fs.Stats = big;
// @ts-expect-error A value that is exported alone is not a namespace of types.
export type Missing = exported.Stats;
// @ts-expect-error A constant has no such name.
export const constant = fs.constants.O_READ;
