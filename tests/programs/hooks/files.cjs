/** `node files.cjs DIRECTORY`: what programs do with files. Prints the same on each run. */

const fs = require('node:fs');
const fsPromises = require('node:fs/promises');
const path = require('node:path');
const { pipeline } = require('node:stream/promises');
const { promisify } = require('node:util');

const directory = process.argv[2];
const at = (name) => path.join(directory, name);
const failure = ({ code, syscall, message }) => [code, syscall, message.replace(directory, 'DIRECTORY')].join(' ');

async function main() {
  console.log(await promisify(fs.writeFile)(at('one'), 'one'), await fsPromises.readFile(at('one'), 'utf8'));
  await fsPromises.appendFile(at('one'), ' and two');
  console.log(await promisify(fs.readFile)(at('one'), 'utf8'), (await promisify(fs.stat)(at('one'))).size);
  const handle = await fsPromises.open(at('one'));
  console.log((await handle.read(Buffer.alloc(5), 0, 5, 4)).bytesRead, (await handle.stat()).size);
  await handle.close();
  await pipeline(fs.createReadStream(at('one')), fs.createWriteStream(at('two')));
  console.log(fs.readFileSync(at('two'), 'utf8'), (await fsPromises.readdir(directory)).sort());
  await fsPromises.rename(at('two'), at('three'));
  console.log(await promisify(fs.exists)(at('two')), await fsPromises.access(at('three')));
  console.log(await promisify(fs.readFile)(at('two')).catch(failure), await fsPromises.stat(at('two')).catch(failure));
  await fsPromises.rm(at('three'));
}

module.exports = { main };
if (require.main === module) main();
