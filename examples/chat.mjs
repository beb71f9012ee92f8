/**
 * A chat over a Unix socket: each line that a member sends goes to all others.
 *
 *     node examples/chat.mjs serve /tmp/chat.sock
 *     node examples/chat.mjs join /tmp/chat.sock NAME     (in other terminals)
 */

import { createInterface } from 'node:readline';
import { connect, listen } from 'uring/sockets';

const [, , mode, path, name] = process.argv;

/** Yields the lines of a connection, which arrive in pieces. */
async function* linesOf(connection) {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of connection) {
    const lines = (rest + decoder.decode(chunk.copy(), { stream: true })).split('\n');
    rest = lines.pop();
    yield* lines;
  }
}

async function serve() {
  const members = new Set();
  const tell = (line, except) => {
    // Does not wait for members that do not read: their connections queue lines, up to a limit.
    for (const member of members) {
      if (member === except) continue;
      if (member.bytesQueued > 1_000_000) member.reset();
      else member.write(`${line}\n`).catch(() => undefined);
    }
  };
  const listener = await listen({ path });
  process.once('SIGINT', () => {
    void listener.close();
    for (const member of members) void member.close();
  });
  console.log(`listening on ${path}`);
  for await (const connection of listener) void attend(connection);

  async function attend(connection) {
    const lines = linesOf(connection);
    try {
      const { value: who, done } = await lines.next();
      if (done) return;
      members.add(connection);
      tell(`* ${who} has come`);
      for await (const line of lines) tell(`${who}: ${line}`, connection);
      tell(`* ${who} has gone`, connection);
    } catch {
      // The connection was lost.
    } finally {
      members.delete(connection);
      await connection.close();
    }
  }
}

async function join() {
  const connection = await connect({ path });
  await connection.write(`${name}\n`);
  const input = createInterface(process.stdin);
  input.on('line', (line) => void connection.write(`${line}\n`));
  input.on('close', () => void connection.shutdown());
  for await (const line of linesOf(connection)) console.log(line);
  await connection.close();
}

if (mode === 'serve') await serve();
else await join();
