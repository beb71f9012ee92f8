/**
 * Mutation testing: `npm run mutate [-- LAYER...]`. Each layer's mutants meet that layer's tests (`tests/mutation/layers.json`), in one bundle; a
 * report of each layer is left in `build/mutation`. What survives, and why, is in `docs/mutation.md`.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import Table from 'cli-table3';
import { Command } from 'commander';

const LAYERS = JSON.parse(readFileSync('tests/mutation/layers.json', 'utf8'));
const REPORT = 'build/mutation/report.json';

const program = new Command('mutate')
  .argument('[layer...]', `of ${Object.keys(LAYERS).join(', ')}; all, if none is named`)
  .option('--only <files>', 'of the layer, with commas between them; lines may follow a colon')
  .option('--least <percent>', 'the score that is asked for', Number, 90)
  .option('--survivors', 'list what has survived')
  .parse();
const { only, least, survivors } = program.opts();
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

if (survivors) {
  for (const { file, source, location, replacement } of mutants.filter(missed)) {
    const { start, end } = location;
    const line = source[start.line - 1];
    const text = start.line === end.line ? line.slice(start.column - 1, end.column - 1) : `${line.slice(start.column - 1)} ...`;
    console.log(`${file}:${start.line}:${start.column}  ${text}  =>  ${replacement.replace(/\s+/g, ' ')}`);
  }
}
if (score(mutants) < least) {
  console.error(`fewer than ${least} % were noticed`);
  process.exitCode = 1;
}
