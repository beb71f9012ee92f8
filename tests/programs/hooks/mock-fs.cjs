/** mock-fs puts files of its own in the place of all others; `files.cjs` works with them. */

const fs = require('node:fs');
const mock = require('mock-fs');

const directory = process.argv[2];
// Loaded before: Node's loader reads files, too.
const { main } = require('./files.cjs');

async function mocked() {
  await main();
  mock({ [directory]: { already: 'there' } }, { createCwd: false, createTmp: false });
  console.log(await fs.promises.readFile(`${directory}/already`, 'utf8'));
  await main();
  const inMemory = await fs.promises.readdir(directory);
  mock.restore();
  console.log(inMemory, await fs.promises.readdir(directory));
  await main();
}

// What is printed opens a stream when it is used for the first time.
console.log('mock-fs');
mocked();
