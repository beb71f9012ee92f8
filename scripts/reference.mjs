/**
 * `npm run reference`: writes docs/operations.md, the reference of all operations, from the
 * catalogue, the docstrings of the sources, and the examples that CI runs. With `--check`, fails if
 * the page is not what it would write.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { operations } from '../examples/operations.mjs';
import { registrations } from '../examples/registrations.mjs';

const { OPERATIONS, REGISTER_OP_SINCE } = await import('../dist/low-level.js');

const PAGE = 'docs/operations.md';

/** What is said of a function in the sources. */
function documentedFunctions(folder, prefix) {
  const files = folder.endsWith('.ts') ? [folder] : readdirSync(folder).map((file) => path.join(folder, file));
  return files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true);
      const found = [];
      const visit = (node) => {
        const isFunction = ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node) || ts.isGetAccessor(node);
        if (isFunction && node.name !== undefined && node.body !== undefined) found.push(described(node, prefix, source));
        ts.forEachChild(node, visit);
      };
      visit(source);
      return found;
    });
}

/** A comment as a paragraph. */
function textOf(comment) {
  const text = ts.getTextOfJSDocComment(comment) ?? '';
  return text
    .replace(/\{@link ([\w.]+)(?: ?\| ?[^}]*)?\}/g, '`$1`')
    .replace(/\s+/g, ' ')
    .trim();
}

function described(node, prefix, source) {
  const [doc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const tags = (name) => (doc?.tags ?? []).filter(({ tagName }) => tagName.text === name);
  const holder = ts.isFunctionDeclaration(node) ? undefined : ts.findAncestor(node, ts.isClassDeclaration)?.name?.text;
  const parameters = node.parameters.map(
    (each) => `${each.name.getText(source)}${each.initializer || each.questionToken ? '?' : ''}`,
  );
  return {
    name: node.name.getText(source),
    isExported: ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Export,
    signature: `${prefix ?? PLACES[holder] ?? ''}${node.name.getText(source)}${ts.isGetAccessor(node) ? '' : `(${parameters.join(', ')})`}`,
    body: node.getText(source),
    text: textOf(doc?.comment),
    parameters: tags('param').map((tag) => [tag.name.getText(source), textOf(tag.comment)]),
    returns: tags('returns')
      .map((tag) => textOf(tag.comment))
      .join(' '),
    throws: tags('throws')
      .map((tag) => textOf(tag.comment))
      .join(' '),
  };
}

/** How a program reaches the methods of these classes. */
const PLACES = {
  Ring: 'ring.',
  FileTable: 'ring.files.',
  BufferTable: 'ring.buffers.',
  BufferRings: 'ring.bufferRings.',
  BufferRing: 'bufferRing.',
  Settings: 'ring.settings.',
  Workers: 'ring.workers.',
  ZeroCopy: 'ring.zeroCopy.',
};

/** The body of an example, without its indentation. */
function exampleOf(fn) {
  const lines = fn.toString().split('\n').slice(1, -1);
  return lines.map((line) => line.replace(/^ {4}/, '')).join('\n');
}

function details({ parameters, returns, throws }) {
  return [
    ...parameters.map(([name, text]) => `- \`${name}\`: ${text}`),
    ...(returns === '' ? [] : [`- returns ${returns}`]),
    ...(throws === '' ? [] : [`- fails with ${throws}`]),
    ...(parameters.length + returns.length + throws.length > 0 ? [''] : []),
  ];
}

function section(name, since, functions, example) {
  if (functions.length === 0) throw new Error(`no function documents ${name}`);
  return [
    `### ${name}`,
    '',
    `Since Linux ${since}.`,
    '',
    ...functions.flatMap((each) => [`\`${each.signature}\`: ${each.text}`, '', ...details(each)]),
    '```js',
    exampleOf(example),
    '```',
    '',
  ];
}

const encoders = documentedFunctions('src/ops', '');
const methods = [
  ...documentedFunctions('src/engine/operations/op', 'uring.'),
  ...documentedFunctions('src/engine/operations/mailbox.ts', 'uring.'),
  ...documentedFunctions('src/engine/operations/streams.ts', 'uring.'),
].filter(({ isExported, text }) => isExported && text !== '');
const registering = [...documentedFunctions('src/ring/register'), ...documentedFunctions('src/ring/ring.ts')].filter(
  ({ text, signature }) => text !== '' && signature.includes('.'),
);

/** Methods that name another register operation, or none. */
const REGISTERING = {
  PROBE: 'probe',
  QUERY: 'query',
  SYNC_CANCEL: 'cancelSync',
  UNREGISTER_RING_FDS: 'unregisterRingFd',
  UNREGISTER_PBUF_RING: 'release',
};

const operationSections = OPERATIONS.flatMap(({ name, since, encoder }) => {
  const own = methods.filter(({ body }) => body.includes(`'${name}'`));
  const prepared = encoders.filter((each) => each.name === encoder);
  return section(name, since, [...own, ...prepared], operations[name]);
});

const registerSections = Object.entries(REGISTER_OP_SINCE).flatMap(([name, since]) => {
  const isOf = (each) => (name in REGISTERING ? each.name === REGISTERING[name] : each.body.includes(`'${name}'`));
  return section(name, since, registering.filter(isOf), registrations[name]);
});

const page = [
  '# Operations',
  '',
  `The ${OPERATIONS.length} operations and ${Object.keys(registrations).length} register operations of Linux 6.18. This page is made by \`npm run reference\` from the sources and`,
  'from `examples/operations.mjs` and `examples/registrations.mjs`, which CI runs. The head comments of these files say what their variables are.',
  '',
  'Methods of an engine (`uring.read`) return promises and check every argument; encoders (`prepRead`) fill an SQE of a ring. An operation rejects with a `UringError`',
  "that has the errno's name as `code`; the man page of the system call explains it. Names such as `io_uring_prep_read` are those of liburing's functions and man pages.",
  '',
  `- [Operations](#operations-1): ${OPERATIONS.map(({ name }) => `[${name}](#${name.toLowerCase()})`).join(', ')}`,
  '- [Register operations](#register-operations)',
  '',
  '## Operations',
  '',
  ...operationSections,
  '## Register operations',
  '',
  ...registerSections,
].join('\n');

if (process.argv.includes('--check')) {
  if (readFileSync(PAGE, 'utf8') !== page) throw new Error(`${PAGE} is out of date: npm run reference`);
} else writeFileSync(PAGE, page);
