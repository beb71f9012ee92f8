import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { WebSocket, WebSocketServer } from 'ws';
import { bytes, ca, digest, key, say, times } from './common.mjs';

for (const [name, create, scheme] of [
  ['plain', () => http.createServer(), 'http'],
  ['TLS', () => https.createServer({ key, cert: ca }), 'https'],
]) {
  const server = create().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();

  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/ws') sockets.handleUpgrade(request, socket, head, (peer) => sockets.emit('connection', peer));
  });
  sockets.on('connection', (socket) => socket.on('message', (message, binary) => socket.send(message, { binary })));
  const echoed = await times(60, async (index) => {
    const socket = new WebSocket(`${scheme.replace('http', 'ws')}://localhost:${port}/ws`, { ca });
    await once(socket, 'open');
    const back = [];
    socket.on('message', (message) => back.push(message));
    for (let message = 0; message < 30; message++) socket.send(bytes(message * 100 + index));
    socket.send(bytes(300_000));
    while (back.length < 31) await once(socket, 'message');
    socket.close(1000, 'enough');
    const [code, reason] = await once(socket, 'close');
    return `${code} ${reason} ${digest(Buffer.concat(back))}`;
  });
  say(name, 'ws', digest(echoed.join()), echoed[0]);
  const vanishing = new WebSocket(`${scheme.replace('http', 'ws')}://localhost:${port}/ws`, { ca });
  await once(vanishing, 'open');
  vanishing.terminate();
  say(name, 'terminated', (await once(vanishing, 'close'))[0]);

  const rooms = new Server(server);
  rooms.on('connection', (socket) => {
    socket.join('all');
    socket.on('echo', (value, done) => done(value));
    socket.on('tell', (value) => rooms.to('all').emit('told', value));
  });
  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
    const clients = await times(15, async () => {
      const client = io(`${scheme}://localhost:${port}`, { transports, ca, forceNew: true });
      await new Promise((resolve) => {
        client.once('connect', resolve);
      });
      return client;
    });
    const answers = await Promise.all(clients.map((client, index) => client.emitWithAck('echo', { index, data: bytes(5_000) })));
    say(
      name,
      transports,
      answers.every(({ index, data }, at) => index === at && Buffer.from(data).equals(bytes(5_000))),
    );
    const told = clients.map(
      (client) =>
        new Promise((resolve) => {
          client.once('told', resolve);
        }),
    );
    clients[0].emit('tell', 'everybody');
    say(name, transports, new Set(await Promise.all(told)).size);
    const closed = clients.map(
      (client) =>
        new Promise((resolve) => {
          client.once('disconnect', resolve);
        }),
    );
    for (const client of clients) client.disconnect();
    say(name, transports, [...new Set(await Promise.all(closed))]);
  }
  await rooms.close();
  say(name, 'closed', server.listening);
}
