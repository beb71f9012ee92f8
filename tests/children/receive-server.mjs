/** A child that is given a server, and answers one connection of it. */

process.on('message', (_message, server) => {
  if (server === undefined) {
    process.send('no server');
    return;
  }
  server.on('connection', (socket) => socket.end('from the child'));
  process.send('listens');
});
