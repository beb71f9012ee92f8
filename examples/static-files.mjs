/**
 * A server for static files, with `sendFile` and ranges. It implements the part of HTTP/1.1 that
 * GET and HEAD need.
 *
 *     node examples/static-files.mjs DIRECTORY [PORT]
 */

import { extname, join, normalize } from 'node:path';
import { open } from 'uring/fs/promises';
import { listen } from 'uring/sockets';

const [, , directory, port = 0] = process.argv;
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.png': 'image/png' };
const MOST_HEADERS = 16_384;

/** Yields the heads of requests, one after another. Requests are assumed to have no body. */
async function* requestsOf(connection) {
  let text = '';
  for await (const chunk of connection) {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const [first, ...headers] = text.slice(0, end).split('\r\n');
      text = text.slice(end + 4);
      const [method, target] = first.split(' ');
      const fields = new Map(
        headers.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
      );
      yield { method, target, fields };
    }
    if (text.length > MOST_HEADERS) return;
  }
}

/** Parses `bytes=START-END` for a file of `size` bytes. */
function rangeOf(field, size) {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(field ?? '') ?? [];
  if (!first && !last) return undefined;
  const start = first ? Number(first) : Math.max(0, size - Number(last));
  const end = first && last ? Math.min(Number(last), size - 1) : size - 1;
  return { start, end };
}

async function answer(connection, { method, target, fields }) {
  const head = (status, headers) =>
    `HTTP/1.1 ${status}\r\n${Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`;
  const refuse = (status) => connection.write(head(status, { 'content-length': 0 }));
  if (method !== 'GET' && method !== 'HEAD') return refuse('405 Method Not Allowed');
  // A normalized path that starts at the root cannot lead above the directory.
  const asked = normalize(decodeURIComponent(new URL(target, 'http://localhost').pathname));
  const path = asked.endsWith('/') ? `${asked}index.html` : asked;
  let file;
  try {
    file = await open(join(directory, path));
  } catch {
    return refuse('404 Not Found');
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return await refuse('404 Not Found');
    const range = rangeOf(fields.get('range'), stat.size);
    const { start, end } = range ?? { start: 0, end: stat.size - 1 };
    if (range && start > end) return await refuse('416 Range Not Satisfiable');
    const headers = {
      'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
      'content-length': end - start + 1,
      ...(range ? { 'content-range': `bytes ${start}-${end}/${stat.size}` } : {}),
    };
    const written = connection.write(head(range ? '206 Partial Content' : '200 OK', headers));
    if (method === 'GET' && stat.size > 0) await connection.sendFile(file, { start, end });
    await written;
  } finally {
    await file.close();
  }
}

const listener = await listen({ host: '127.0.0.1', port: Number(port) });
console.log(`http://127.0.0.1:${listener.address.port}/`);
process.once('SIGINT', () => void listener.close());
for await (const connection of listener) void serve(connection);

async function serve(connection) {
  try {
    for await (const request of requestsOf(connection)) await answer(connection, request);
  } catch {
    // The peer has disconnected, or sent an invalid request.
  }
  await connection.close();
}
