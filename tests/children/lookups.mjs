/**
 * Lookups by another effective user, and without a free descriptor: `node lookups.mjs uring|node
 * DIRECTORY`. Prints their results as JSON.
 */

import fs from 'node:fs';
import nodes from 'node:fs/promises';

const [, , name, directory] = process.argv;
const module = name === 'uring' ? await import('uring/fs/promises') : nodes;
const outcome = (call) =>
  call.then(
    (value) => value?.size ?? value ?? null,
    ({ message }) => message,
  );
const calls = async (path) => ({
  stat: await outcome(module.stat(path)),
  access: await outcome(module.access(path)),
  read: await outcome(module.access(path, fs.constants.R_OK)),
  write: await outcome(module.access(path, fs.constants.W_OK)),
  realpath: await outcome(module.realpath(path)),
  nothing: await outcome(module.stat(`${path}-nothing`)),
});

/** Opens as many files as the limit allows. */
function takeAll() {
  const taken = [];
  try {
    for (;;) taken.push(fs.openSync('/dev/null'));
  } catch ({ code }) {
    told.code = code;
  }
  return taken;
}

const told = {};
// The lookup takes the last free descriptor: none is left for the table of mounts, which no call
// has needed until now.
await module.access(`${directory}/file`);
const all = takeAll();
fs.closeSync(all.pop());
told.last = await calls(`${directory}/file`);
for (const fd of all) fs.closeSync(fd);
Object.assign(told, { usual: await calls(`${directory}/private`) });
if (process.getuid() === 0) {
  process.seteuid(65_534);
  told.effective = await calls(`${directory}/private`);
  process.seteuid(0);
}
const taken = takeAll();
told.full = await calls(`${directory}/file`);
for (const fd of taken) fs.closeSync(fd);
console.log(JSON.stringify(told));
process.exit();
