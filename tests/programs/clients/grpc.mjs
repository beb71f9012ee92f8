import { once } from 'node:events';
import grpc from '@grpc/grpc-js';
import { bytes, ca, digest, key, say, times } from './common.mjs';

const raw = {
  requestSerialize: (value) => value,
  requestDeserialize: (value) => value,
  responseSerialize: (value) => value,
  responseDeserialize: (value) => value,
};
const method = (name, requestStream, responseStream) => ({
  path: `/programs.Things/${name}`,
  requestStream,
  responseStream,
  ...raw,
});
const service = {
  echo: method('Echo', false, false),
  collect: method('Collect', true, false),
  count: method('Count', false, true),
  chat: method('Chat', true, true),
  never: method('Never', false, false),
};
const implementation = {
  echo: ({ request }, done) => done(null, request),
  collect(call, done) {
    const chunks = [];
    call.on('data', (chunk) => chunks.push(chunk));
    call.on('end', () => done(null, Buffer.concat(chunks)));
  },
  count(call) {
    for (let index = 0; index < 200; index++) call.write(bytes(1_000 + index));
    call.end();
  },
  chat(call) {
    call.on('data', (chunk) => call.write(chunk));
    call.on('end', () => call.end());
  },
  never: () => undefined,
};

const secure = [grpc.ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: ca }]), grpc.credentials.createSsl(ca)];
for (const [name, serverSide, clientSide] of [
  ['plain', grpc.ServerCredentials.createInsecure(), grpc.credentials.createInsecure()],
  ['TLS', ...secure],
]) {
  const server = new grpc.Server();
  server.addService(service, implementation);
  const port = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', serverSide, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  const Things = grpc.makeGenericClientConstructor(service, 'Things');
  const clients = Array.from(
    { length: 4 },
    () => new Things(`localhost:${port}`, clientSide, { 'grpc.use_local_subchannel_pool': 1 }),
  );
  const call = (index, method, ...args) =>
    new Promise((resolve, reject) => {
      clients[index % 4][method](...args, (error, value) => (error ? reject(error) : resolve(value)));
    });
  const echoed = await times(400, async (index) => (await call(index, 'echo', bytes(index * 20))).equals(bytes(index * 20)));
  say(name, 'echo', echoed.every(Boolean));
  const collected = await new Promise((resolve, reject) => {
    const stream = clients[0].collect((error, value) => (error ? reject(error) : resolve(value)));
    for (let index = 0; index < 50; index++) stream.write(bytes(50_000));
    stream.end();
  });
  say(name, 'collect', collected.length, digest(collected));
  say(
    name,
    'count',
    await times(8, async (index) => digest(Buffer.concat(await clients[index % 4].count(Buffer.alloc(0)).toArray()))),
  );
  const chat = clients[1].chat();
  for (let index = 0; index < 100; index++) {
    chat.write(bytes(10 + index));
    await once(chat, 'data');
  }
  chat.end();
  await once(chat.resume(), 'end');
  const deadline = await call(2, 'never', Buffer.alloc(0), { deadline: Date.now() + 100 }).catch(({ code }) => code);
  const cancelled = await new Promise((resolve) => {
    const waiting = clients[3].never(Buffer.alloc(0), (error) => resolve(error.code));
    setImmediate(() => waiting.cancel());
  });
  say(name, 'deadline', deadline, 'cancelled', cancelled);
  const left = call(0, 'never', Buffer.alloc(0)).catch(({ code }) => code);
  setTimeout(() => server.forceShutdown(), 100);
  // CANCELLED or UNAVAILABLE, depending on which end of the call is first.
  say(name, 'shut down', [1, 14].includes(await left));
  for (const client of clients) client.close();
}
