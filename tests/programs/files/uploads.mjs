/** busboy and multer: files that are uploaded to disk, and express's own limits. */

import fs from 'node:fs';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import express from 'express';
import multer from 'multer';
import { at, bytes, digest, plant, say, sayTree, times } from './common.mjs';

plant(at('busboy'), {});
plant(at('multer'), {});
plant(at('plain'), {});
const app = express();
app.set('env', 'test');
app.post('/busboy', async (request, response) => {
  const parser = busboy({ headers: request.headers, limits: { fileSize: 4_000_000 } });
  const saved = [];
  parser.on('file', (field, stream, { filename, mimeType }) => {
    let length = 0;
    stream.on('data', (chunk) => {
      length += chunk.length;
    });
    const writing = pipeline(stream, fs.createWriteStream(at('busboy', filename)));
    saved.push(writing.then(() => [field, filename, mimeType, length, stream.truncated === true]));
  });
  await pipeline(request, parser);
  response.json(await Promise.all(saved));
});
const storage = multer.diskStorage({
  destination: (_request, _file, done) =>
    fs.mkdir(at('multer/kept'), { recursive: true }, (error) => done(error, at('multer/kept'))),
  filename: (_request, { originalname }, done) => done(null, `kept-${originalname}`),
});
const told = (request, response) =>
  response.json([
    request.body,
    request.files.map(({ fieldname, originalname, size, path }) => [
      fieldname,
      originalname,
      size,
      digest(fs.readFileSync(path)),
    ]),
  ]);
app.post('/multer', multer({ storage }).any(), told);
app.post('/limited', multer({ dest: at('multer/limited'), limits: { fileSize: 1_000_000, files: 5 } }).any(), told);
app.post(
  '/nowhere',
  multer({
    storage: multer.diskStorage({
      destination: (_q, _f, done) => done(null, at('nowhere')),
      filename: (_q, file, done) => done(null, file.originalname),
    }),
  }).any(),
  told,
);
app.put('/plain/:name', async (request, response) => {
  await pipeline(request, fs.createWriteStream(at('plain', request.params.name), { flags: 'wx' }));
  response.json(fs.statSync(at('plain', request.params.name)).size);
});
app.use((error, _request, response, _next) => response.status(400).json([error.name, error.code, error.syscall, error.field]));
const server = app.listen(0, '127.0.0.1');
await new Promise((resolve) => {
  server.on('listening', resolve);
});

const base = `http://127.0.0.1:${server.address().port}`;
const send = async (path, files) => {
  const form = new FormData();
  form.append('said', 'hello');
  for (const [name, content] of files) form.append('files', new Blob([content], { type: 'application/octet-stream' }), name);
  const response = await fetch(base + path, { method: 'POST', body: form });
  return [response.status, await response.json()];
};
const some = (prefix) => Array.from({ length: 20 }, (_, index) => [`${prefix}${index}.bin`, bytes(index ** 4 * 10)]);
for (const path of ['/busboy', '/multer']) {
  say(path, await send(path, some('one-')));
  say(path, digest(JSON.stringify(await times(20, (index) => send(path, some(`many-${index}-`).slice(0, 10))))));
  say(
    path,
    await send(path, [
      ['large.bin', bytes(5_000_000)],
      ['empty.bin', ''],
    ]),
  );
  say(path, await send(path, []));
}
say(
  await send('/limited', [['small.bin', bytes(1_000)]]),
  await send('/limited', [
    ['small.bin', 'x'],
    ['large.bin', bytes(1_500_000)],
  ]),
);
say(await send('/limited', some('x').slice(0, 6)), 'left', fs.readdirSync(at('multer/limited')).length);
say(await send('/nowhere', [['small.bin', 'x']]));
for (const name of ['one.bin', 'one.bin', 'two.bin']) {
  const response = await fetch(`${base}/plain/${name}`, { method: 'PUT', body: bytes(2_000_000) });
  say(name, response.status, await response.json());
}
sayTree('busboy', at('busboy'));
sayTree('multer', at('multer/kept'));
sayTree('plain', at('plain'));
server.close();
server.closeAllConnections();
