import { inPackage, project, scaled } from './common.mjs';

export const title = 'Mocha: tests that work with files';

export function prepare(directory, scale) {
  const tests = Array.from({ length: scaled(150, scale) }, (_, index) => [
    `test/${String(index).padStart(4, '0')}.test.mjs`,
    `import assert from 'node:assert';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
describe('files ${index}', () => {
  let directory;
  before(async () => { directory = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'uring-mocha-')); });
  after(() => fs.promises.rm(directory, { recursive: true }));
  for (let length = 0; length < 20; length++) {
    it('reads what was written, ' + length, (done) => {
      const file = path.join(directory, 'f' + length);
      fs.writeFile(file, Buffer.alloc(length * 1000, 97), (error) => {
        assert.ifError(error);
        fs.readFile(file, (failed, content) => { assert.equal(content.length, length * 1000); done(failed); });
      });
    });
  }
});\n`,
  ]);
  project(directory, { 'package.json': '{ "type": "module" }', ...Object.fromEntries(tests) });
}

// Slow tests are printed with their time.
export const command = () => [inPackage('mocha', 'bin/mocha.js'), 'test', '--slow', '1000000'];
