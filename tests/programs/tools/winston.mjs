import fs from 'node:fs';
import path from 'node:path';
import winston from 'winston';
import { digest, scaled } from './common.mjs';

export const title = 'winston: lines into files that are rotated';
export const made = ['logs'];

export function prepare() {}

export async function run(directory, scale) {
  const filename = path.join(directory, 'logs/log');
  const file = new winston.transports.File({ filename, maxsize: 2_000_000, maxFiles: 100 });
  const log = winston.createLogger({ format: winston.format.json(), transports: [file] });
  const count = scaled(100_000, scale);
  for (let index = 0; index < count; index++) {
    const isRoom = log.info('answered', { index, method: 'GET', url: `/path/${index % 100}` });
    if (!isRoom) await new Promise((resolve) => log.once('drain', resolve));
  }
  await new Promise((resolve) => {
    file.once('finish', resolve);
    log.end();
  });
  const names = fs.readdirSync(path.join(directory, 'logs'));
  const lines = names.flatMap((name) => fs.readFileSync(path.join(directory, 'logs', name), 'utf8').split('\n'));
  console.log(lines.filter((line) => line !== '').length, digest(lines.sort().join('\n')));
}
