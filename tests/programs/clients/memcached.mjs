import { promisify } from 'node:util';
import Memcached from 'memcached';
import { bytes, digest, say, services, times } from './common.mjs';

const client = new Memcached(`127.0.0.1:${services.memcached}`, { poolSize: 10 });
const call = (method, ...args) => promisify(client[method].bind(client))(...args);

await call('flush');
await times(500, (index) => call('set', `key-${index}`, `value ${index}`, 60));
say(digest(JSON.stringify(await times(500, (index) => call('get', `key-${index}`)))));
const many = await call(
  'getMulti',
  Array.from({ length: 100 }, (_, index) => `key-${index}`),
);
say(Object.keys(many).length);
const text = bytes(700_000).toString('hex').slice(0, 900_000);
await call('set', 'large', text, 60);
say('large', digest(await call('get', 'large')) === digest(text));
say(await call('incr', 'key-1', 1).catch((error) => String(error.message ?? error)));
say(await call('get', 'nothing'));
client.end();
