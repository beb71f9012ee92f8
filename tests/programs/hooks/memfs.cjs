/** fs-monkey puts the functions of memfs in the place of those of `node:fs`, and takes them out again. */

const fs = require('node:fs');
const { text } = require('node:stream/consumers');
const { promisify } = require('node:util');
const { patchFs } = require('fs-monkey');
const { Volume } = require('memfs');

const file = `${process.argv[2]}/file`;

async function show() {
  console.log(await promisify((done) => fs.writeFile(file, 'content', done))());
  console.log(await promisify((done) => fs.readFile(file, 'utf8', done))());
  console.log((await promisify((done) => fs.stat(file, done))()).size, fs.readFileSync(file, 'utf8'));
  console.log(await text(fs.createReadStream(file)));
  fs.unlinkSync(file);
  console.log(await promisify((done) => fs.access(file, done))().catch(({ code }) => code));
}

async function main() {
  await show();
  const volume = Volume.fromJSON({ [`${process.argv[2]}/already`]: 'there' });
  const undo = patchFs(volume);
  await show();
  console.log(fs.readdirSync(process.argv[2]));
  undo();
  await show();
  console.log(fs.readdirSync(process.argv[2]));
}

main();
