/**
 * A child that receives a server, and answers its connections; or a connection, with which it
 * continues.
 */

process.on('message', (message, handle) => {
  if (handle === undefined) {
    process.send('nothing');
    return;
  }
  if (message === 'talk') handle.on('data', (data) => handle.write(`child: ${data}`));
  else handle.on('connection', (socket) => socket.end('from the child'));
  process.send('listens');
});
