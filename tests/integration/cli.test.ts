/** The command line as a user starts it: the built program, in a separate process. */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { renderTable } from '../../src/cli/table.js';
import { whyNoRing } from '../helpers/linux.js';
import { slow } from '../helpers/slow.js';

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

const uring = (args: string[], env: Record<string, string> = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
};

let tree = '';
let bytes = 0;
beforeAll(() => {
  tree = mkdtempSync(path.join(os.tmpdir(), 'uring-cli-'));
  mkdirSync(path.join(tree, 'sub'));
  const put = (name: string, content: string | Buffer) => {
    writeFileSync(path.join(tree, name), content);
    bytes += content.length;
  };
  for (let i = 0; i < 200; i++) put(`sub/file-${i}`, `content of ${i}\n`.repeat(i));
  put('empty', '');
  for (const [index, size] of [65535, 65536, 65537, 1048576, 1048577, 3_500_000, 9_000_001].entries()) {
    put(`large-${index}`, Buffer.alloc(size, index + 1));
  }
  symlinkSync('/etc/passwd', path.join(tree, 'link'));
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));

describe('uring', () => {
  test('prints help for itself and its commands', () => {
    for (const args of [['--help'], ['doctor', '--help'], ['compare', '--help']]) {
      const { status, stdout } = uring(args);
      expect(status).toBe(0);
      expect(stdout).toContain('Usage: uring');
    }
    expect(uring(['--version']).stdout.trim()).toBe(
      JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version,
    );
    const misspelled = uring(['docter']);
    expect(misspelled.status).not.toBe(0);
    expect(misspelled.stderr).toContain('doctor');
  });

  test('doctor exits with 1, and prints the reason and the remedy, if there is no ring', () => {
    const { status, stdout } = uring(['doctor'], { URING_DISABLE: '1' });
    expect(status).toBe(1);
    expect(stdout).toContain('URING_DISABLE is set');
    expect(stdout).toContain('Unset URING_DISABLE');
    expect(stdout).toMatch(/^uring\/register +replaces nothing \(URING_DISABLE=1\)$/m);
    expect(stdout).toContain("use Node's own modules, without a warning.");
    const json = JSON.parse(uring(['doctor', '--json'], { URING_DISABLE: '1' }).stdout);
    expect(json).toMatchObject({ usable: false, problem: { reason: 'disabled' } });
  });

  test('doctor works if koffi cannot be loaded', () => {
    // A copy of the build, without node_modules next to it.
    const copy = mkdtempSync(path.join(os.tmpdir(), 'uring-no-koffi-'));
    try {
      execFileSync('cp', ['-r', path.dirname(path.dirname(program)), path.join(copy, 'dist')]);
      execFileSync('cp', [fileURLToPath(new URL('../../package.json', import.meta.url)), copy]);
      const { status, stdout } = spawnSync(process.execPath, [path.join(copy, 'dist/cli/main.js'), 'doctor'], {
        encoding: 'utf8',
      });
      expect(status).toBe(1);
      expect(stdout).toContain('koffi could not be loaded');
      expect(stdout).toContain('npm install koffi');
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});

onLinux(`uring on Linux${reason ? ` (skipped: ${reason})` : ''}`, () => {
  test('doctor reports what the kernel supports', () => {
    const { status, stdout } = uring(['doctor', '--json']);
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.usable).toBe(true);
    expect(report.operations.supported).toContain('NOP');
    expect(report.operations.supported.length + report.operations.missing.length).toBe(63);
    expect(report.setupFlags.supported.length + report.setupFlags.missing.length).toBe(19);
    expect(report.nopNanoseconds).toBeGreaterThan(0);
    const text = uring(['doctor']).stdout;
    expect(text).toContain('io_uring is usable.');
    expect(text).toMatch(/^uring\/register +fs, .* over io_uring$/m);
    expect(text).toContain('node --import uring/register PROGRAM');
  });

  test('compare reports that all readers see the same bytes', () => {
    const { status, stdout, stderr } = uring(['compare', tree, '--json', '--rounds', '2']);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ files: 208, identical: true, changed: [], unreadable: [], interrupted: false });
    expect(report.bytes).toBe(bytes);
    expect(report.results.map(({ name }: { name: string }) => name)).toEqual([
      'io_uring',
      'uring/fs readFile',
      'fs.promises.readFile',
      'fs.readFileSync',
    ]);
    for (const row of report.results) expect(row.filesPerSecond).toBeGreaterThan(0);
  });

  test('compare prints a plain table in a pipe, no wider than 80 columns', () => {
    const { stdout } = uring(['compare', tree, '--rounds', '1']);
    expect(Math.max(...stdout.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/^io_uring +[\d,]+ +[\d,]+/m);
    expect(stdout).toContain('All saw the same bytes');
    expect(stdout).not.toContain('\u001b');
  });

  test('compare of an empty directory says so, as text and as JSON, which begins with versions', () => {
    const empty = mkdtempSync(path.join(os.tmpdir(), 'uring-empty-'));
    try {
      expect(uring(['compare', empty]).stdout).toContain('There is nothing to compare.');
      const report = JSON.parse(uring(['compare', empty, '--json']).stdout);
      expect(Object.keys(report).slice(0, 4)).toEqual(['format', 'uring', 'node', 'kernel']);
      expect(report).toMatchObject({ format: 1, node: process.version, kernel: os.release(), files: 0 });
    } finally {
      rmSync(empty, { recursive: true });
    }
  });

  test('tables have lines only where they fit, and colors only where they are wanted', () => {
    const rows = [['a row', '12'], [{ content: 'a title', colSpan: 2 }]];
    const draw = (columns: number, hasColors: boolean, isTerminal = true) =>
      renderTable(['', 'number'], rows, { isTerminal, hasColors, columns });
    expect(draw(80, true)).toContain('│');
    expect(draw(80, false)).toContain('│ a row');
    expect(draw(80, false)).not.toContain('\u001b');
    expect(draw(10, true)).toBe(draw(80, false, false));
    expect(draw(80, false, false)).toBe('       number\na row      12\na title');
  });

  test('compare reports files that cannot be read, and continues', () => {
    const odd = mkdtempSync(path.join(os.tmpdir(), 'uring-odd-'));
    try {
      writeFileSync(path.join(odd, 'fine'), 'fine');
      // Reading it from its start fails for all users, including root.
      const { stdout, status } = uring(['compare', '/proc/self/mem', '--json', '--rounds', '1']);
      expect(status).toBe(0);
      expect(JSON.parse(stdout).unreadable.length).toBeGreaterThan(0);
      expect(uring(['compare', path.join(odd, 'not-there')]).status).toBe(1);
      expect(uring(['compare', odd, '--rounds', '0']).status).not.toBe(0);
      chmodSync(path.join(odd, 'fine'), 0);
      expect(uring(['compare', odd, '--rounds', '1']).status).toBe(0);
    } finally {
      rmSync(odd, { recursive: true });
    }
  });

  test('compare survives files that grow or vanish while it runs', async () => {
    const busy = mkdtempSync(path.join(os.tmpdir(), 'uring-busy-'));
    try {
      for (let i = 0; i < 300; i++) writeFileSync(path.join(busy, `file-${i}`), 'x'.repeat(1000));
      const child = spawn(process.execPath, [program, 'compare', busy, '--json', '--rounds', '20']);
      let output = '';
      child.stdout.on('data', (chunk) => {
        output += chunk;
      });
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      let done = false;
      void ended.then(() => {
        done = true;
      });
      for (let i = 0; i < 200 && !done; i++) {
        appendFileSync(path.join(busy, `file-${i}`), 'grown');
        rmSync(path.join(busy, `file-${299 - i}`), { force: true });
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      expect(await ended).toBe(0);
      expect(JSON.parse(output).files).toBeGreaterThan(0);
    } finally {
      rmSync(busy, { recursive: true });
    }
  });

  test('compare stops cleanly on Ctrl-C', async () => {
    const child = spawn(process.execPath, [program, 'compare', tree, '--json', '--rounds', '100000']);
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    // Once it reads files, its signal handler is installed. Before that, the signal would kill it.
    while (bytesReadBy(child.pid as number) < 20_000_000) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(130);
    expect(JSON.parse(output).interrupted).toBe(true);
  });

  // Skipped in an emulator: it takes minutes there, and the figures mean nothing.
  (slow ? test.skip : test)('bench nop, files, and net measure, and leave nothing behind', () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'uring-bench-test-'));
    try {
      const nop = uring(['bench', 'nop', '--short', '--json', '--rounds', '1']);
      expect(nop.stderr).toBe('');
      expect(JSON.parse(nop.stdout).outcomes.map(({ id }: { id: string }) => id)).toEqual([
        'nop-1',
        'nop-8',
        'nop-32',
        'nop-128',
      ]);
      const files = uring(['bench', 'files', '--short', '--json', '--rounds', '1', '--directory', directory]);
      expect(files.stderr).toBe('');
      const { outcomes } = JSON.parse(files.stdout);
      expect(outcomes).toHaveLength(8);
      for (const { figures } of outcomes) for (const { perSecond } of figures) expect(perSecond).toBeGreaterThan(0);
      expect(readdirSync(directory)).toEqual([]);
      const net = uring(['bench', 'net', '--short', '--json', '--rounds', '1']);
      expect(net.stderr).toBe('');
      expect(JSON.parse(net.stdout).outcomes.map(({ id }: { id: string }) => id)).toEqual(['echo', 'stream', 'connect']);
      expect(uring(['bench', 'nop', '--short', '--rounds', '1']).stdout).toContain('NOPs, 128 a call');
      expect(uring(['bench', 'everything']).stderr).toContain('It must be one of files, net, nop.');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

/** Returns how much a process has read: loading Node and the program takes less than 10 MB. */
function bytesReadBy(pid: number): number {
  return Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
}
