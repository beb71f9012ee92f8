/**
 * Replaces a file so that either the old or the new content exists at any time: write, fsync and
 * rename in one chain.
 */

import { op, Uring } from 'uring';

const [path, text] = process.argv.slice(2);
const uring = Uring.default();
const temporary = `${path}.${process.pid}.tmp`;
const O_WRONLY_CREAT_EXCL = 0o1 | 0o100 | 0o200;

const slot = uring.files.allocate();
const content = Buffer.from(text);
const steps = ['open', 'write', 'fsync', 'close', 'rename'];
const results = await uring.link([
  op.openat(temporary, { slot: slot.slot, flags: O_WRONLY_CREAT_EXCL, mode: 0o644 }),
  op.write(slot, content, { offset: 0 }),
  op.fsync(slot),
  op.closeFile(slot),
  op.renameat(temporary, path),
]);
for (const [index, result] of results.entries()) {
  console.log(steps[index], result.status === 'failed' ? result.error.message : result.status);
}
slot.release();
if (results.at(-1)?.status !== 'done') process.exitCode = 1;
