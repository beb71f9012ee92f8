import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { promisify } from 'node:util';
import ssh2 from 'ssh2';
import { bytes, digest, failure, say, services, times } from './common.mjs';

const options = { host: '127.0.0.1', port: services.ssh, username: 'root', privateKey: readFileSync(services.sshKey) };

async function session(extra = {}) {
  const client = new ssh2.Client();
  client.connect({ ...options, ...extra });
  await once(client, 'ready');
  return client;
}

async function outputOf(client, command, input) {
  const stream = await promisify(client.exec.bind(client))(command);
  const closed = once(stream, 'close');
  if (input !== undefined) stream.end(input);
  const chunks = await stream.toArray();
  const [code] = await closed;
  return [code, Buffer.concat(chunks)];
}

const client = await session();
const [code, output] = await outputOf(client, 'echo hello; exit 3');
say(code, output.toString());
const data = bytes(6_000_000);
const [, back] = await outputOf(client, 'cat', data);
say('cat', back.equals(data));
say(await times(8, async (index) => (await outputOf(client, `echo ${index}`))[1].toString().trim()));

const sftp = await promisify(client.sftp.bind(client))();
const path = `${services.directory}/uploaded-${process.pid}`;
const writing = sftp.createWriteStream(path);
writing.end(data);
await once(writing, 'close');
const [, sum] = await outputOf(client, `cat ${path}`);
say('sftp', digest(sum));
say('sftp', digest(Buffer.concat(await sftp.createReadStream(path).toArray())));
await promisify(sftp.unlink.bind(sftp))(path);
say(await failure(promisify(sftp.stat.bind(sftp))(path)));

// A connection within the connection, and a session over it.
const forwarded = await promisify(client.forwardOut.bind(client))('127.0.0.1', 0, '127.0.0.1', services.ssh);
const inner = await session({ sock: forwarded });
say('forwarded', (await outputOf(inner, 'echo inner'))[1].toString());
inner.end();
client.end();
await once(client, 'close');

const refused = new ssh2.Client();
refused.connect({ ...options, port: 1 });
const [{ level, code: reason }] = await once(refused, 'error');
say(level, reason);

// An ssh2 server in this program.
const server = new ssh2.Server({ hostKeys: [readFileSync(services.sshKey)] }, (connection) => {
  connection.on('error', () => undefined);
  connection.on('authentication', (context) => context.accept());
  connection.on('ready', () => {
    connection.on('session', (accept) => {
      accept().on('exec', (acceptExec) => {
        const stream = acceptExec();
        stream.pipe(stream);
        stream.on('end', () => stream.exit(0));
      });
    });
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const results = await times(10, async (index) => {
  const guest = await session({ port: server.address().port });
  const [, echoed] = await outputOf(guest, 'anything', bytes(100_000 + index));
  guest.end();
  return digest(echoed);
});
say(results);
server.close();
await once(server, 'close');
say(
  'listens no more',
  await once(net.connect(server.address()?.port ?? 1, '127.0.0.1'), 'connect').catch(({ code: reason2 }) => reason2),
);
