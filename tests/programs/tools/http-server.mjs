import path from 'node:path';
import { createServer } from 'http-server';
import { requestStatic, writeStatic } from './common.mjs';

export const title = 'http-server: static files of 1 KiB and 64 KiB';
export const prepare = writeStatic;

export async function run(directory, scale) {
  const { server } = createServer({ root: path.join(directory, 'public'), cache: 10 });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  console.log(await requestStatic(server.address().port, scale));
  server.close();
}
