import path from 'node:path';
import express from 'express';
import { requestStatic, writeStatic } from './common.mjs';

export const title = 'Express: static files of 1 KiB and 64 KiB';
export const prepare = writeStatic;

export async function run(directory, scale) {
  const application = express().use(express.static(path.join(directory, 'public'), { lastModified: false }));
  const server = application.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  console.log(await requestStatic(server.address().port, scale));
  server.close();
}
