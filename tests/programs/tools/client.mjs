/** `node client.mjs < JOB`: requests paths over several connections, and prints what it was answered. */

import http from 'node:http';
import { buffer, json } from 'node:stream/consumers';
import { atOnce, digest } from './common.mjs';

const { port, paths, requests, connections, body } = await json(process.stdin);
const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
const seen = new Map();

async function ask(path) {
  const { headers, content } = typeof body === 'string' ? { content: body } : { ...body };
  const method = body === '' ? 'GET' : 'POST';
  const response = await new Promise((resolve, reject) => {
    http.request({ port, path, method, agent, headers }, resolve).on('error', reject).end(content);
  });
  const { statusCode, headers: answered } = response;
  const line = [path, statusCode, answered['content-type'], answered.etag, digest(await buffer(response))].join(' ');
  seen.set(line, (seen.get(line) ?? 0) + 1);
}

await atOnce(
  connections,
  Array.from({ length: requests }, (_, index) => paths[index % paths.length]),
  ask,
);
agent.destroy();
for (const [line, count] of [...seen].sort()) console.log(count, line);
