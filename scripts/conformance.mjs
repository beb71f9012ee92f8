/**
 * Writes docs/conformance.md from the results of tests/conformance:
 * `npm run conformance -- 6.18=results.json 6.12=other.json`. The results are produced by
 * `npm test -- tests/conformance --json --outputFile=results.json`, and by
 * `npm run test:kernel -- --results other.json 6.12 tests/conformance`.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const given = process.argv.slice(2).map((argument) => argument.split('='));
if (given.length === 0 || given.some(([kernel, file]) => !kernel || !file)) {
  console.error('usage: npm run conformance -- 6.18=results.json [6.12=results.json ...]');
  process.exit(2);
}

/**
 * The cases in the order of their files: the name, what it checks, and the outcome on each kernel.
 */
const cases = new Map();

for (const [kernel, file] of given) {
  for (const { name: testFile, assertionResults } of JSON.parse(readFileSync(file, 'utf8')).testResults) {
    if (!testFile.includes('/conformance/')) continue;
    for (const { ancestorTitles, title, status } of assertionResults) {
      const [, on] = ancestorTitles[0].match(/\((simulated|linux)\)$/) ?? [];
      const [, text, reason] = title.match(/^(.*?)(?: \(skipped: (.*)\))?$/s);
      const [, name, what] = text.match(/^(.*?): (.*)$/s) ?? [];
      if (on === undefined || name === undefined) continue;
      const row = cases.get(text) ?? {
        name,
        what,
        file: path.basename(testFile).replace(/\.test\.[jt]s$/, ''),
        results: new Map(),
      };
      cases.set(text, row);
      const column = on === 'simulated' ? 'simulated' : kernel;
      const seen = row.results.get(column) ?? new Set();
      seen.add(status === 'passed' ? 'passed' : status === 'failed' ? 'FAILED' : `skipped: ${reason}`);
      row.results.set(column, seen);
    }
  }
}

const columns = ['simulated', ...given.map(([kernel]) => kernel)];
const cell = (seen) => {
  if (seen === undefined) return '';
  if (seen.has('FAILED')) return 'FAILED';
  // Some kinds of rings may be unavailable.
  return seen.has('passed') ? (seen.size === 1 ? 'passed' : 'passed (some kinds skipped)') : [...seen][0];
};
const inCell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const rows = [...cases.values()].map(
  ({ name, what, file, results }) =>
    `| ${inCell(name)} | ${inCell(what)} | ${file} | ${columns.map((column) => inCell(cell(results.get(column)))).join(' | ')} |`,
);
const programs = new Set([...cases.values()].map(({ name }) => name.replace(/ \(.*\)$/, '')));

writeFileSync(
  'docs/conformance.md',
  `# Conformance

Cases of liburing's own test programs, each checked here in our words and code (\`tests/conformance\`): a case has the name of the program whose intent
it shares, and in parentheses which part of it. ${programs.size} programs, ${cases.size} cases. An empty field means that the case is for the other kind of
kernel only; several kinds of rings are one row.

This page is made by \`npm run conformance\`.

| case | what it checks | test file | ${columns.join(' | ')} |
|---|---|---|${columns.map(() => '---|').join('')}
${rows.join('\n')}
`,
);
console.log(`${programs.size} programs, ${cases.size} cases`);
