import fs from 'node:fs';
import path from 'node:path';
import pino from 'pino';
import { digest, scaled } from './common.mjs';

export const title = 'pino: lines into a file';
export const made = ['log'];

export function prepare() {}

export async function run(directory, scale) {
  const file = path.join(directory, 'log');
  const destination = pino.destination({ dest: file, sync: false, minLength: 4096 });
  const log = pino({ base: null, timestamp: false }, destination);
  const count = scaled(300_000, scale);
  for (let index = 0; index < count; index++) {
    log.info({ index, request: { method: 'GET', url: `/path/${index % 100}` } }, 'answered');
    if (index % 100 === 99) await new Promise(setImmediate);
  }
  await new Promise((resolve) => destination.once('close', resolve).end());
  console.log(digest(fs.readFileSync(file)));
}
