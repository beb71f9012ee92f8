import { once } from 'node:events';
import mqtt from 'mqtt';
import { bytes, ca, digest, say, services } from './common.mjs';

const places = [
  ['plain', `mqtt://127.0.0.1:${services.mqtt}`, {}],
  ['TLS', `mqtts://localhost:${services.mqttTls}`, { ca }],
];

for (const [name, url, options] of places) {
  const [publisher, subscriber] = await Promise.all([mqtt.connectAsync(url, options), mqtt.connectAsync(url, options)]);
  await subscriber.subscribeAsync('news/#', { qos: 2 });
  const heard = [];
  subscriber.on('message', (topic, message) => heard.push(`${topic} ${message.length} ${digest(message)}`));
  for (const qos of [0, 1, 2]) {
    for (let index = 0; index < 100; index++) {
      const published = publisher.publishAsync(`news/${qos}`, bytes(index * 100), { qos });
      // More than 20 "exactly once" messages at a time are not delivered, over Node's sockets
      // either.
      if (qos === 2) await published;
    }
  }
  await publisher.publishAsync('news/large', bytes(2_000_000), { qos: 1 });
  while (heard.length < 301) await once(subscriber, 'message');
  say(name, heard.length, digest(heard.sort().join()));

  const dying = await mqtt.connectAsync(url, {
    ...options,
    reconnectPeriod: 0,
    will: { topic: 'news/will', payload: 'gone', qos: 1 },
  });
  const events = [];
  for (const event of ['close', 'offline', 'end', 'error']) dying.on(event, () => events.push(event));
  const told = once(subscriber, 'message');
  const closed = once(dying, 'close');
  dying.stream.destroy();
  say(name, (await told)[1].toString());
  await closed;
  say(name, events);

  // A client reconnects automatically.
  const again = await mqtt.connectAsync(url, { ...options, reconnectPeriod: 20 });
  again.stream.end();
  await once(again, 'connect');
  say(name, 'again', again.connected);
  await Promise.all([publisher, subscriber, again, dying].map((client) => client.endAsync()));
}
