/** The examples run, and do what they say. */

import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from '@jest/globals';
import { temporaryDirectory, whyNoRing } from '../helpers/linux.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

const fileOf = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
const run = async (name: string, ...args: string[]) =>
  (await promisify(execFile)(process.execPath, [fileOf(name), ...args])).stdout;

/** Starts a server of the examples; `end` stops it. */
async function serving(name: string, ...args: string[]) {
  const child = spawn(process.execPath, [fileOf(name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const closed = new Promise((resolve) => child.on('close', resolve));
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (data) => {
      output += data;
      if (output.includes('\n')) resolve();
    });
  });
  return {
    /** The first output of the server. */
    greeting: output,
    port: Number(/(?:port |:)(\d+)/.exec(output)?.[1]),
    /** Stops the server. @returns its exit code, and all of its output. */
    async end() {
      child.kill('SIGINT');
      return { code: await closed, output };
    },
  };
}

/** Sends text to a server, and ends the connection. @returns the whole response. */
async function ask(port: number, text: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('utf8');
  socket.end(text);
  let answer = '';
  for await (const piece of socket) answer += piece;
  return answer;
}

onLinux(`examples${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const directory = temporaryDirectory();
  afterAll(() => directory.remove());

  test('read-a-tree counts files and lines', async () => {
    fs.mkdirSync(`${directory.path}/tree/deep`, { recursive: true });
    fs.writeFileSync(`${directory.path}/tree/a`, 'one\ntwo');
    fs.writeFileSync(`${directory.path}/tree/deep/b`, 'three');
    expect(await run('read-a-tree.mjs', `${directory.path}/tree`)).toBe('2 files, 3 lines\n');
  });

  test('copy-with-progress copies a file', async () => {
    const source = directory.file(Buffer.alloc(3_000_000, 5));
    expect(await run('copy-with-progress.mjs', source, `${source}-copy`)).toBe('3000000 bytes copied\n');
    expect(fs.readFileSync(`${source}-copy`).equals(fs.readFileSync(source))).toBe(true);
  });

  test('tail follows a file', async () => {
    const file = directory.file('first\n');
    const child = spawn(process.execPath, [fileOf('tail.mjs'), file], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    const closed = new Promise((resolve) => child.on('close', resolve));
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (data) => {
        output += data;
        resolve();
      });
    });
    fs.appendFileSync(file, 'second\n');
    fs.appendFileSync(file, 'end\n');
    expect(await closed).toBe(0);
    expect(output).toBe('first\nsecond\nend\n');
  });

  test('replace-safely replaces the content of a file', async () => {
    const file = directory.file('old');
    const output = await run('replace-safely.mjs', file, 'new content');
    expect(output).toBe('open done\nwrite done\nfsync done\nclose done\nrename done\n');
    expect(fs.readFileSync(file, 'utf8')).toBe('new content');
    expect(fs.readdirSync(directory.path).some((name) => name.endsWith('.tmp'))).toBe(false);
  });

  test('echo-on-all-cores echoes every connection', async () => {
    const server = await serving('echo-on-all-cores.mjs');
    const words = Array.from({ length: 40 }, (_, index) => `word ${index}`);
    expect(await Promise.all(words.map((word) => ask(server.port, word)))).toEqual(words);
    const { code, output } = await server.end();
    expect(code).toBe(0);
    const counts = /connections: (.*)/.exec(output)?.[1]?.split(' ').map(Number) as number[];
    expect(counts.length).toBe(availableParallelism());
    expect(counts.reduce((sum, count) => sum + count)).toBe(40);
  });

  test('chat passes lines between its users', async () => {
    const path = `${directory.path}/chat`;
    const server = await serving('chat.mjs', 'serve', path);
    const join = (name: string) => {
      const child = spawn(process.execPath, [fileOf('chat.mjs'), 'join', path, name], { stdio: ['pipe', 'pipe', 'inherit'] });
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      return { child, hear: async () => (await lines.next()).value, say: (line: string) => child.stdin.write(`${line}\n`) };
    };
    const first = join('Ada');
    expect(await first.hear()).toBe('* Ada has come');
    const other = join('Bob');
    expect([await first.hear(), await other.hear()]).toEqual(['* Bob has come', '* Bob has come']);
    first.say('hello');
    expect(await other.hear()).toBe('Ada: hello');
    other.child.stdin.end();
    expect(await first.hear()).toBe('* Bob has gone');
    first.child.stdin.end();
    await Promise.all([first, other].map(({ child }) => new Promise((resolve) => child.on('close', resolve))));
    expect((await server.end()).code).toBe(0);
  });

  test('static-files serves files and ranges', async () => {
    fs.mkdirSync(`${directory.path}/site`);
    fs.writeFileSync(`${directory.path}/site/index.html`, '<h1>uring</h1>');
    fs.writeFileSync(`${directory.path}/site/large`, Buffer.alloc(1_000_000, 'large'));
    const server = await serving('static-files.mjs', `${directory.path}/site`);
    const base = server.greeting.trim();
    const index = await fetch(base);
    expect([index.headers.get('content-type'), await index.text()]).toEqual(['text/html; charset=utf-8', '<h1>uring</h1>']);
    expect(Buffer.from(await (await fetch(`${base}large`)).arrayBuffer()).equals(Buffer.alloc(1_000_000, 'large'))).toBe(true);
    const part = await fetch(`${base}large`, { headers: { range: 'bytes=5-9' } });
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 5-9/1000000', 'large']);
    const statuses = await Promise.all(
      ['nothing', '..%2f..%2fetc%2fpasswd', '%00'].map(async (path) => (await fetch(`${base}${path}`)).status),
    );
    expect(statuses).toEqual([404, 404, 404]);
    const head = await ask(server.port, 'HEAD /large HTTP/1.1\r\n\r\nPUT / HTTP/1.1\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1.1 200 OK\r\n.*content-length: 1000000\r\n\r\nHTTP\/1.1 405 .*\r\n\r\n$/s);
    expect((await server.end()).code).toBe(0);
  });

  test('proxy forwards connections, and survives the loss of its upstream', async () => {
    const upstream = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const { port } = upstream.address() as net.AddressInfo;
    const server = await serving('proxy.mjs', '0', '127.0.0.1', `${port}`);
    const text = 'there and back '.repeat(50_000);
    expect((await ask(server.port, text)) === text).toBe(true);
    await new Promise((resolve) => upstream.close(resolve));
    // The upstream is gone: the proxy continues.
    await expect(ask(server.port, 'x')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect((await server.end()).code).toBe(0);
  });

  test('metrics counts the operations of the program that loads it', async () => {
    const code = `import { Uring } from 'uring';
      const { metrics } = await import(${JSON.stringify(fileOf('metrics.mjs'))});
      const uring = Uring.open();
      await uring.nop();
      await uring.openat('/no/such/file').catch(() => undefined);
      console.log(metrics());
      process.exit();`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code]);
    for (const line of [
      'uring_in_flight 0',
      'uring_operations_total{operation="NOP",code="OK"} 1',
      'uring_operations_total{operation="OPENAT",code="ENOENT"} 1',
      'uring_operation_seconds_bucket{operation="NOP",le="+Inf"} 1',
      'uring_operation_seconds_count{operation="OPENAT"} 1',
    ]) {
      expect(stdout.split('\n')).toContain(line);
    }
  });

  test('udp answers a datagram', async () => {
    const server = await serving('udp.mjs', 'serve');
    expect(await run('udp.mjs', 'ask', `${server.port}`)).toMatch(/^20\d\d-\d\d-\d\dT[\d:.]+Z\n$/);
    expect((await server.end()).code).toBe(0);
  });
});

test('test-with-chaos finds lost bytes, and needs no Linux', async () => {
  expect(await run('test-with-chaos.mjs')).toMatch(/^hasty: bytes are lost with seed \d+\ncareful: 100 seeds, nothing lost\n$/);
});
