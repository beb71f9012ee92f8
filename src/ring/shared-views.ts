/**
 * Types of views of shared memory that also work with TypeScript before 5.7, whose typed arrays
 * were not generic.
 *
 * @module
 */

type Shared<View> = View & { readonly buffer: SharedArrayBuffer };

/** Bytes on a SharedArrayBuffer. */
export type SharedBytes = Shared<Uint8Array>;

/** 32-bit words on a SharedArrayBuffer. */
export type SharedWords = Shared<Int32Array>;

/** Units of eight bytes on a SharedArrayBuffer. */
export type SharedDoubles = Shared<Float64Array>;

/** A DataView of a SharedArrayBuffer. */
export type SharedData = Shared<DataView>;
