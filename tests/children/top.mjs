/** Reads a file again and again, for `uring top`. Prints when it has begun; ends with its input. */

import { closeSync, openSync } from 'node:fs';
import { Uring } from 'uring';

const uring = Uring.default();
const fd = openSync('/dev/zero');
const buffer = new Uint8Array(16);
let hasEnded = false;
process.stdin.resume().on('end', () => {
  hasEnded = true;
});
console.log('begun');
while (!hasEnded) {
  await uring.read(fd, buffer);
  await uring.openat('/nowhere').catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
closeSync(fd);
