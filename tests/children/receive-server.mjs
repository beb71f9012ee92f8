/** A child that is given a server, and answers connections of it; or a connection, which it goes on with. */

process.on('message', (message, handle) => {
  if (handle === undefined) {
    process.send('nothing');
    return;
  }
  if (message === 'talk') handle.on('data', (data) => handle.write(`child: ${data}`));
  else handle.on('connection', (socket) => socket.end('from the child'));
  process.send('listens');
});
