import { once } from 'node:events';
import Redis from 'ioredis';
import { bytes, ca, digest, failure, say, services, times } from './common.mjs';

const places = [
  ['plain', { host: '127.0.0.1', port: services.redis }],
  ['TLS', { host: '127.0.0.1', port: services.redisTls, tls: { ca, servername: 'localhost' } }],
  ['Unix', { path: services.redisSocket }],
];

for (const [name, place] of places) {
  const redis = new Redis(place);
  const events = [];
  // There is an error if the connection ends after something was written.
  redis.on('error', () => undefined);
  for (const event of ['connect', 'ready', 'close', 'reconnecting', 'end']) redis.on(event, () => events.push(event));
  await redis.flushall();
  await times(5_000, (index) => redis.set(`key-${index}`, `value ${index}`));
  say(name, digest((await redis.mget(Array.from({ length: 5_000 }, (_, index) => `key-${index}`))).join()));
  const large = bytes(8_000_000);
  await redis.set('large', large);
  say(name, 'large', (await redis.getBuffer('large')).equals(large));
  const pipeline = redis.pipeline();
  for (let index = 0; index < 10_000; index++) pipeline.incr('counter');
  say(name, 'pipeline', (await pipeline.exec()).at(-1));
  say(name, await failure(redis.lpush('counter', 1)));

  const subscriber = redis.duplicate();
  await subscriber.subscribe('news');
  const heard = [];
  subscriber.on('message', (_channel, message) => heard.push(message));
  await times(300, (index) => redis.publish('news', `${index}`));
  while (heard.length < 300) await once(subscriber, 'message');
  say(
    name,
    'heard',
    heard.every((message, index) => message === `${index}`),
  );

  const waiting = redis.duplicate();
  const popped = waiting.blpop('list', 10);
  await redis.rpush('list', 'something');
  say(name, await popped);

  // The server ends the connection; the client reconnects.
  const id = await redis.client('ID');
  const other = redis.duplicate();
  await other.client('KILL', 'ID', id);
  say(name, 'again', await redis.get('key-7'));
  await Promise.all([subscriber, waiting, other].map((client) => client.quit()));
  const ended = once(redis, 'end');
  await redis.quit();
  await ended;
  say(name, events);
}
const nobody = new Redis({ host: '127.0.0.1', port: 1, retryStrategy: () => null, lazyConnect: true });
nobody.on('error', ({ code }) => say('error', code));
say(await failure(nobody.connect()));
