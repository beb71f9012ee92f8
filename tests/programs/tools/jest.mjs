import { inPackage, modules, project, scaled } from './common.mjs';

export const title = 'Jest: a small project';
export const isOrdered = false;
export const isPlain = (line) => !line.startsWith('Time:');

export function prepare(directory, scale) {
  const sources = modules(scaled(100, scale));
  // A project of CommonJS modules, as Jest's own set-up has them.
  const common = Object.entries(sources)
    .filter(([name]) => !name.includes('index'))
    .flatMap(([name, text]) => {
      const index = /module-(\d+)/.exec(name)[1];
      const body = text
        .replace(/import (\{.*?\}) from ('.*?');/g, 'const $1 = require($2);')
        .replace(/export (const|function)/g, '$1')
        .concat(`module.exports = { value${index}, greet${index} };\n`);
      const check = `const { greet${index} } = require('./module-${index}.js');
test('greets', () => expect(greet${index}('you')).toBe('hello you from module ${index}'));
test('reads itself', async () => {
  const text = await require('node:fs').promises.readFile(__filename, 'utf8');
  expect(text).toMatch('reads itself');
});\n`;
      return [
        [name, body],
        [name.replace('.js', '.test.js'), check],
      ];
    });
  project(directory, { 'package.json': '{ "jest": { "watchman": false } }', ...Object.fromEntries(common) });
}

export const command = (directory) => [
  inPackage('jest', 'bin/jest.js'),
  '--maxWorkers=2',
  '--cacheDirectory',
  `${directory}/cache`,
];
