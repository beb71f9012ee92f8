/**
 * pino and winston: logs in files, from this thread and from a worker, with rotation, and with more
 * than fits in a buffer.
 */

import { once } from 'node:events';
import fs from 'node:fs';
import pino from 'pino';
import winston from 'winston';
import { at, digest, plant, say, sayTree } from './common.mjs';

plant(at('logs'), { 'existing.log': 'there already\n' });
const settings = { base: null, timestamp: false };
const lines = (name) => fs.readFileSync(at('logs', name), 'utf8').split('\n');
const long = 'x'.repeat(5_000);

for (const [name, options] of [
  ['sync', { sync: true }],
  ['async', { sync: false }],
  ['buffered', { sync: false, minLength: 4_096 }],
  ['made', { sync: false, mkdir: true, mode: 0o600, fsync: true }],
  ['existing', { sync: false, append: true }],
]) {
  const path = name === 'made' ? 'below/made.log' : `${name}.log`;
  const destination = pino.destination({ dest: at('logs', path), ...options });
  if (!options.sync) await once(destination, 'ready');
  const logger = pino(settings, destination);
  for (let index = 0; index < 2_000; index++) logger.info({ index, text: index % 100 ? 'short' : long }, 'a line');
  await new Promise((resolve) => {
    logger.flush(resolve);
  });
  destination.end();
  await once(destination, 'close');
  say('pino', name, lines(path).length, digest(lines(path).join('\n')));
}
const refused = pino.destination({ dest: at('logs/missing/file.log'), sync: false });
const [{ code, syscall }] = await once(refused, 'error');
say('pino', code, syscall);
// pino would flush it at the end of the program, and fail.
refused.flushSync = () => undefined;
const reopened = pino.destination({ dest: at('logs/rotated.log'), sync: false });
await once(reopened, 'ready');
const rotating = pino(settings, reopened);
rotating.info('before');
await new Promise((resolve) => {
  rotating.flush(resolve);
});
fs.renameSync(at('logs/rotated.log'), at('logs/rotated.1.log'));
reopened.reopen();
await once(reopened, 'ready');
rotating.info('after');
reopened.end();
await once(reopened, 'close');
say('pino', 'rotated', lines('rotated.1.log'), lines('rotated.log'));

// The worker does not keep the program running.
const awake = setInterval(() => undefined, 1_000);
const transport = pino.transport({
  targets: [
    { target: 'pino/file', level: 'info', options: { destination: at('logs/worker.log'), mkdir: true } },
    { target: 'pino/file', level: 'error', options: { destination: at('logs/worker-errors.log') } },
  ],
});
await once(transport, 'ready');
const threaded = pino(settings, transport);
for (let index = 0; index < 2_000; index++) threaded[index % 10 ? 'info' : 'error']({ index }, 'from the worker');
await new Promise((resolve) => {
  threaded.flush(resolve);
});
transport.end();
await once(transport, 'close');
clearInterval(awake);
say('pino', 'worker', lines('worker.log').length, digest(lines('worker.log').join()), lines('worker-errors.log').length);

for (const [name, options] of [
  ['winston.log', {}],
  ['winston-sized.log', { maxsize: 20_000, maxFiles: 3, tailable: true }],
  ['winston-lazy.log', { lazy: true }],
  ['winston-zipped.log', { maxsize: 15_000, zippedArchive: true }],
]) {
  const file = new winston.transports.File({ dirname: at('logs'), filename: name, ...options });
  const logger = winston.createLogger({ format: winston.format.json(), transports: [file] });
  const errors = [];
  file.on('error', (error) => errors.push(error.code));
  for (let index = 0; index < 1_000; index++) {
    if (!logger.write({ level: 'info', message: `line ${index}`, index })) await once(logger, 'drain');
    // Rotation takes time, and lines that arrive meanwhile count for the old file.
    if (index % 100 === 0)
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
  }
  const finished = once(file, 'finish');
  logger.end();
  await finished;
  await new Promise((resolve) => {
    setTimeout(resolve, 300);
  });
  const files = fs
    .readdirSync(at('logs'))
    .filter((entry) => entry.startsWith(name.replace('.log', '')))
    .sort();
  say(
    'winston',
    name,
    options.maxsize === undefined
      ? files.map((entry) => [entry, lines(entry).length, digest(lines(entry).join('\n'))])
      : files.length > 1,
    errors,
  );
}
sayTree('logs of pino', at('logs/below'));
