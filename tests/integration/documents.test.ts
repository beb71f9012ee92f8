/**
 * The code blocks of README and docs: each is parsed by this version of Node, and compiled; those
 * of README are run.
 */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import ts from 'typescript';
import { whyNoRing } from '../helpers/linux.js';
import { within } from '../helpers/slow.js';

const project = fileURLToPath(new URL('../..', import.meta.url));

interface Block {
  readonly name: string;
  readonly code: string;
}

/** Its examples are functions of `examples/operations.mjs`, which `reference.test.ts` runs. */
const REFERENCE = 'operations.md';

const pages = readdirSync(path.join(project, 'docs')).filter((name) => name.endsWith('.md') && name !== REFERENCE);
const documents = ['README.md', ...pages.map((name) => `docs/${name}`)];

const blocks: Block[] = documents.flatMap((document) =>
  [...readFileSync(path.join(project, document), 'utf8').matchAll(/^```(?:ts|js|mjs)\n(.*?)^```$/gms)].map(
    ([, code = ''], index) => ({
      name: `${document}, block ${index + 1}`,
      code,
    }),
  ),
);

const javaScript = (code: string) =>
  ts.transpileModule(code, { compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext } }).outputText;

describe('documents', () => {
  jest.setTimeout(within(120_000));
  // Within the project, to find its packages; its own name resolves to the build.
  const parent = path.join(project, 'node_modules/.cache/uring');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(path.join(parent, 'documents-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const fileOf = (index: number, extension: string) => path.join(folder, `block-${index}.${extension}`);
  mkdirSync(path.join(folder, 'node_modules'));
  symlinkSync(project, path.join(folder, 'node_modules/uring'));

  test('contain code blocks', () => {
    expect(blocks.length).toBeGreaterThan(20);
  });

  test.each(blocks.map((block, index) => [block.name, index] as const))(
    '%s can be parsed by this version of Node',
    (_name, index) => {
      writeFileSync(fileOf(index, 'mjs'), javaScript((blocks[index] as Block).code));
      execFileSync(process.execPath, ['--check', fileOf(index, 'mjs')], { stdio: 'pipe' });
    },
  );

  test('contain only code that compiles', () => {
    const files = blocks.map(({ code }, index) => {
      // A block without imports is a module, too.
      writeFileSync(fileOf(index, 'mts'), `${code}\nexport {};\n`);
      return fileOf(index, 'mts');
    });
    const program = ts.createProgram([...files, path.join(project, 'tests/helpers/documents.d.ts')], {
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2024.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: ['node'],
      typeRoots: [path.join(project, 'node_modules/@types')],
      strict: true,
      noImplicitAny: false,
      skipLibCheck: true,
      noEmit: true,
    });
    const wrong = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
      const index = files.indexOf(file?.fileName ?? '');
      const line = file === undefined || start === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1;
      return `${blocks[index]?.name ?? file?.fileName}, line ${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
    expect(wrong).toEqual([]);
  });

  const reason = whyNoRing();
  const onLinux = reason === undefined ? test : test.skip;

  onLinux(`README’s files and operations run${reason ? ` (skipped: ${reason})` : ''}`, () => {
    writeFileSync(path.join(folder, 'data'), 'x'.repeat(5000));
    for (const index of [0, 1]) execFileSync(process.execPath, [fileOf(index, 'mjs')], { cwd: folder, stdio: 'pipe' });
    expect(readFileSync(path.join(folder, 'data'), 'latin1').slice(0, 5)).toBe('newxx');
  });

  const complete = /^docs\/((cookbook|context)\.md|testing\.md, block 1$)/;
  const recipes = blocks.flatMap(({ name }, index) => (complete.test(name) ? [[name, index] as const] : []));
  (reason === undefined ? test : test.skip).each(recipes)(`%s runs${reason ? ` (skipped: ${reason})` : ''}`, (_name, index) => {
    const { code } = blocks[index] as Block;
    const place = path.join(folder, `recipe-${index}`);
    mkdirSync(place);
    const printed = execFileSync(process.execPath, [fileOf(index, 'mjs')], {
      cwd: place,
      timeout: within(30_000),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // What a recipe prints stands behind the call, as a comment.
    for (const [, expected = ''] of code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)) expect(printed).toContain(expected);
  });

  onLinux(`README’s echo server survives a client that resets${reason ? ` (skipped: ${reason})` : ''}`, async () => {
    const code = javaScript((blocks[2] as Block).code).replace('port: 7000', 'port: 0');
    const announced = code.replace(
      'for await (const connection of',
      'console.log(listener.address.port);\nfor await (const connection of',
    );
    writeFileSync(path.join(folder, 'echo.mjs'), announced);
    const server = spawn(process.execPath, [path.join(folder, 'echo.mjs')], { stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      const [first] = (await once(server.stdout, 'data')) as [Buffer];
      const port = Number(`${first}`);
      for (let count = 0; count < 5; count++) {
        const rude = net.connect(port, '127.0.0.1');
        await once(rude, 'connect');
        rude.write('x'.repeat(100_000));
        rude.resetAndDestroy();
        await once(rude, 'close');
      }
      const client = net.connect(port, '127.0.0.1');
      client.write('hello');
      const [answer] = (await once(client, 'data')) as [Buffer];
      expect(`${answer}`).toBe('hello');
      client.destroy();
    } finally {
      server.kill();
    }
  });
});
