import fs from 'node:fs';
import path from 'node:path';
import express from 'express';
import multer from 'multer';
import { digest, prose, request, scaled } from './common.mjs';

export const title = 'multer and busboy: uploads of 200 KiB';
export const made = ['uploads'];
// The names are random.
export const isMade = () => false;

export function prepare() {}

export async function run(directory, scale) {
  const uploads = path.join(directory, 'uploads');
  const upload = multer({ dest: uploads });
  const application = express().post('/upload', upload.array('files', 4), async (incoming, response) => {
    const digests = await Promise.all(incoming.files.map(async (file) => digest(await fs.promises.readFile(file.path))));
    response.json({ field: incoming.body.name, sizes: incoming.files.map(({ size }) => size), digests });
  });
  const server = application.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const file = (index) =>
    `--edge\r\nContent-Disposition: form-data; name="files"; filename="${index}.txt"\r\n\r\n${prose(index, 100_000)}\r\n`;
  const content = `--edge\r\nContent-Disposition: form-data; name="name"\r\n\r\nvalue\r\n${file(1)}${file(2)}--edge--\r\n`;
  const body = { content, headers: { 'content-type': 'multipart/form-data; boundary=edge' } };
  console.log(await request(server.address().port, ['/upload'], scaled(1000, scale), { connections: 8, body }));
  console.log(fs.readdirSync(uploads).length);
  server.close();
}
