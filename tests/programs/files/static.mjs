/**
 * send, serve-static, and express: files over HTTP with ranges, conditions, directories, and
 * missing files.
 */

import fs from 'node:fs';
import http from 'node:http';
import express from 'express';
import send from 'send';
import serveStatic from 'serve-static';
import { at, digest, plant, say, times } from './common.mjs';

plant(at('site'), {
  'index.html': '<h1>start</h1>',
  'page.html': '<h1>page</h1>',
  'empty.txt': '',
  'large.bin': 3_000_000,
  '.hidden/secret.txt': 'secret',
  'sub/index.html': '<h1>sub</h1>',
  'bare/file.txt': 'no index here',
  'name with space.txt': 'spaces',
});
fs.symlinkSync('page.html', at('site/link.html'));

const app = express();
app.get('/download', (_request, response) => response.download(at('site/page.html'), 'renamed.html'));
app.get('/missing', (_request, response) =>
  response.sendFile(at('site/missing.html'), (error) => response.status(error.status).send(`${error.code} ${error.status}`)),
);
app.get('/aborted', (_request, response) => response.sendFile(at('site/large.bin'), { maxAge: '1h', immutable: true }));
app.use('/plain', serveStatic(at('site')));
app.use(
  '/other',
  serveStatic(at('site'), { extensions: ['html'], dotfiles: 'allow', index: false, redirect: false, cacheControl: false }),
);
app.use('/send', (request, response) =>
  send(request, request.path, { root: at('site'), start: 2 })
    .on('directory', (_res, path) => response.end(`directory ${path.replace(at('site'), 'SITE')}`))
    .on('error', (error) => response.writeHead(error.status).end(`${error.status} ${error.code}`))
    .pipe(response),
);
app.use((_request, response) => response.status(404).send('nobody has it'));
app.use((error, _request, response, _next) =>
  response.status(error.status).set(error.headers).send(`${error.status} ${error.message}`),
);
const server = app.listen(0, '127.0.0.1');
await new Promise((resolve) => {
  server.on('listening', resolve);
});

const agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
const get = (path, headers = {}, method = 'GET') =>
  new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: server.address().port, path, headers, method, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const body = Buffer.concat(chunks);
        const { date, connection, ...kept } = response.headers;
        resolve({ status: response.statusCode, headers: kept, body });
      });
    });
    request.on('error', reject).end();
  });
async function seen(path, headers, method) {
  const { status, headers: answered, body } = await get(path, headers, method);
  const {
    etag,
    'content-length': length,
    'content-range': range,
    'content-type': type,
    location,
    'cache-control': cache,
    'last-modified': modified,
  } = answered;
  say(
    method ?? 'GET',
    path,
    headers ?? '',
    status,
    { etag, length, range, type, location, cache, modified },
    body.length < 60 ? body.toString() : digest(body),
  );
  return answered;
}

for (const path of [
  '/',
  '/index.html',
  '/page.html',
  '/page',
  '/empty.txt',
  '/large.bin',
  '/link.html',
  '/name%20with%20space.txt',
])
  for (const base of ['/plain', '/other', '/send']) await seen(base + path);
for (const path of [
  '/sub',
  '/sub/',
  '/bare',
  '/bare/',
  '/.hidden/secret.txt',
  '/missing.txt',
  '/page.html/',
  '/page.html/x',
  '/../common.mjs',
  '/%00',
  `/${'x'.repeat(300)}`,
])
  for (const base of ['/plain', '/other', '/send']) await seen(base + path);
for (const range of ['bytes=0-99', 'bytes=-100', 'bytes=2999990-', 'bytes=5000000-', 'bytes=0-1,5-6', 'lines=1-2'])
  await seen('/plain/large.bin', { range });
const { etag, 'last-modified': modified } = await seen('/plain/large.bin', {}, 'HEAD');
await seen('/plain/large.bin', { 'if-none-match': etag });
await seen('/plain/large.bin', { 'if-none-match': '"other"' });
await seen('/plain/large.bin', { 'if-modified-since': modified });
await seen('/plain/large.bin', { 'if-match': '"other"' });
await seen('/plain/large.bin', { 'if-unmodified-since': new Date(0).toUTCString() });
await seen('/plain/large.bin', { range: 'bytes=1-3', 'if-range': etag });
await seen('/plain/large.bin', { range: 'bytes=1-3', 'if-range': '"other"' });
await seen('/plain/large.bin', {}, 'POST');
await seen('/download');
await seen('/missing');
say(
  new Set(await times(60, async (index) => digest((await get('/plain/large.bin', { range: `bytes=${index}-2900000` })).body)))
    .size,
);
say(new Set(await times(300, async () => digest((await get('/plain/page.html')).body))).size);

// A client that disconnects in the middle: the file is closed.
const descriptors = () =>
  fs
    .readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((path) => path.startsWith(at('site'))).length;
await times(
  5,
  () =>
    new Promise((resolve) => {
      http.get({ host: '127.0.0.1', port: server.address().port, path: '/aborted' }, (response) => {
        response.once('data', () => {
          response.destroy();
          resolve();
        });
      });
    }),
);
for (let tries = 0; descriptors() > 0 && tries < 100; tries++)
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
say('left open', descriptors());
agent.destroy();
server.close();
