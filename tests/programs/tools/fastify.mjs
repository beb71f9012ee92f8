import path from 'node:path';
import fastifyStatic from '@fastify/static';
import fastify from 'fastify';
import { requestStatic, writeStatic } from './common.mjs';

export const title = 'Fastify: static files of 1 KiB and 64 KiB';
export const prepare = writeStatic;

export async function run(directory, scale) {
  const server = fastify();
  await server.register(fastifyStatic, { root: path.join(directory, 'public'), lastModified: false });
  await server.listen({ port: 0, host: '127.0.0.1' });
  console.log(await requestStatic(server.server.address().port, scale));
  await server.close();
}
