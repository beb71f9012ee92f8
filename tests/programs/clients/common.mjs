/**
 * Functions that all clients need. Each client prints what it sees, the same on each run; what has
 * a random order is sorted.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const services = JSON.parse(process.env.SERVICES);
export const ca = readFileSync(services.cert);
export const key = readFileSync(services.key);

export const say = (...what) => console.log(...what.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))));
export const digest = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);
/** Returns bytes that do not repeat within a page. */
export const bytes = (length) =>
  Buffer.from(Uint32Array.from({ length: Math.ceil(length / 4) }, (_, i) => i * 2654435761).buffer).subarray(0, length);
export const times = (count, call) => Promise.all(Array.from({ length: count }, (_, index) => call(index)));
/** Returns the error with which a promise fails, as text. */
export const failure = (promise) =>
  promise.then(
    () => 'no error',
    ({ name, code, message }) => `${name} ${code} ${message}`.replace(/\d{4,}/g, 'N'),
  );
