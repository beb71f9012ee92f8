/**
 * Mutation testing: `npm run mutate [-- LAYER...]`. Each layer's mutants are run against that
 * layer's tests (`tests/mutation/layers.json`), in one bundle. A report of each layer is written to
 * `build/mutation`. `docs/mutation.md` lists the mutants that survive, and why.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import Table from 'cli-table3';
import { Command } from 'commander';

const LAYERS = JSON.parse(readFileSync('tests/mutation/layers.json', 'utf8'));
const REPORT = 'build/mutation/report.json';

const program = new Command('mutate')
  .argument('[layer...]', `of ${Object.keys(LAYERS).join(', ')}; all, if none is named`)
  .option('--only <files>', 'of the layer, with commas between them; lines may follow a colon')
  .option('--least <percent>', 'the score that is asked for', Number, 90)
  .option('--write', 'add what has survived to docs/mutation.md, for somebody to say why')
  .parse();
const { only, least, write } = program.opts();
const layers = program.args.length > 0 ? program.args : Object.keys(LAYERS);

const mutants = [];
for (const layer of layers) {
  const { mutate, tests } = LAYERS[layer] ?? program.error(`there is no layer ${layer}`);
  rmSync(REPORT, { force: true });
  const args = ['stryker', 'run', 'tests/mutation/stryker.json', '--mutate', only ?? mutate.join(',')];
  const { status } = spawnSync('npx', args, { stdio: 'inherit', env: { ...process.env, MUTATION_TESTS: tests.join(',') } });
  if (status !== 0) process.exit(status ?? 1);
  copyFileSync(REPORT, `build/mutation/${layer}.json`);
  for (const [file, { mutants: all, source }] of Object.entries(JSON.parse(readFileSync(REPORT, 'utf8')).files)) {
    for (const mutant of all) mutants.push({ file, source: source.split('\n'), ...mutant });
  }
}

const detected = ({ status }) => status === 'Killed' || status === 'Timeout';
const missed = ({ status }) => status === 'Survived' || status === 'NoCoverage';
const score = (some) => (100 * some.filter(detected).length) / some.filter((one) => detected(one) || missed(one)).length;

const table = new Table({ head: ['file', 'mutants', 'survived', 'score'], style: { head: [], border: [] } });
for (const file of [...new Set(mutants.map((mutant) => mutant.file))].sort()) {
  const own = mutants.filter((mutant) => mutant.file === file);
  table.push([file, own.length, own.filter(missed).length, `${score(own).toFixed(1)} %`]);
}
table.push(['all', mutants.length, mutants.filter(missed).length, `${score(mutants).toFixed(2)} %`]);
console.log(table.toString());

/**
 * The page that lists each survivor that was reviewed, under its file, with the reason why it does
 * no harm.
 */
const PAGE = 'docs/mutation.md';
const page = readFileSync(PAGE, 'utf8');
const known = new Map();
for (const [, file, rows] of page.matchAll(/^### (\S+)\n([\s\S]*?)(?=^#|$(?![\s\S]))/gm)) {
  for (const [, change, reason] of rows.matchAll(/^\| `(.*)` \| (.*) \|$/gm)) known.set(`${file} ${change}`, reason);
}
const inCell = (text) => text.replace(/\s+/g, ' ').replaceAll('`', "'").replaceAll('|', '\\|');
const changeOf = ({ source, location: { start, end }, replacement }) => {
  const line = source[start.line - 1];
  const text = start.line === end.line ? line.slice(start.column - 1, end.column - 1) : `${line.slice(start.column - 1)} ...`;
  const change = `${text} => ${replacement.length > 80 ? `${replacement.slice(0, 80)} ...` : replacement}`;
  // Short texts occur in many places.
  return inCell(text.length < 16 ? `${line.trim()}: ${change}` : change);
};
const unexplained = new Map();
for (const mutant of mutants.filter(missed)) {
  const change = changeOf(mutant);
  if (known.has(`${mutant.file} ${change}`)) continue;
  console.log(`${mutant.file}:${mutant.location.start.line}  ${change}`);
  const changes = unexplained.get(mutant.file) ?? new Set();
  unexplained.set(mutant.file, changes.add(change));
}
if (write) {
  let text = page;
  for (const [file, changes] of unexplained) {
    if (!text.includes(`### ${file}\n`)) text += `\n### ${file}\n\n| change | why it does no harm |\n|---|---|\n`;
    const rows = [...changes].map((change) => `| \`${change}\` | ? |\n`).join('');
    text = text.replace(new RegExp(`(### ${file}\\n\\n.*\\n.*\\n)`), (head) => head + rows);
  }
  writeFileSync(PAGE, text);
}
if (unexplained.size > 0)
  console.error('what is listed above has survived, and docs/mutation.md does not say why that does no harm');
if (score(mutants) < least) {
  console.error(`fewer than ${least} % were noticed`);
  process.exitCode = 1;
}
