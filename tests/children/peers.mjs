/**
 * Servers and clients for foreign peers, in a separate process: `node peers.mjs CASE`. Prints what
 * was seen as JSON.
 */

import { execFile, spawn } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import nodeNet from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Agent, createServer } from 'uring/http';
import net, { overRing } from 'uring/net';
import { connect, listen } from 'uring/sockets';

const HOST = '127.0.0.1';
const run = promisify(execFile);
const certificate = (name) => new URL(`certificate/${name}.pem`, import.meta.url);

const listening = async (server) => {
  server.listen(0, HOST);
  await once(server, 'listening');
  return server.address().port;
};

async function bytesOf(stream) {
  const all = [];
  for await (const piece of stream) all.push(piece);
  return Buffer.concat(all);
}

/** Waits until a condition holds. */
async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Runs `body` with a directory that is removed afterwards. */
async function inDirectory(body) {
  const directory = mkdtempSync(`${tmpdir()}/uring-peers-`);
  try {
    return await body(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs nginx with a configuration until `body` is done. */
async function withNginx(directory, server, body) {
  const socket = `${directory}/nginx.sock`;
  writeFileSync(
    `${directory}/nginx.conf`,
    `daemon off; pid ${directory}/pid; error_log ${directory}/error.log; worker_processes 1;
     ${process.getuid() === 0 ? 'user root;' : ''}
     events { worker_connections 256; }
     http { access_log off; client_max_body_size 64m; client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
       fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
       ${server(socket)} }`,
  );
  const nginx = spawn('nginx', ['-p', directory, '-c', `${directory}/nginx.conf`, '-e', `${directory}/error.log`], {
    stdio: 'ignore',
  });
  try {
    await until(async () => {
      const probe = nodeNet.connect(socket);
      const connected = await new Promise((resolve) =>
        probe.on('connect', () => resolve(true)).on('error', () => resolve(false)),
      );
      probe.destroy();
      return connected;
    });
    return await body(socket);
  } finally {
    nginx.kill();
    await once(nginx, 'exit');
  }
}

/** Responds with the data that was sent; some paths have other responses. */
const answering = () =>
  createServer(async (request, response) => {
    const size = Number(/^\/bytes\/(\d+)$/.exec(request.url)?.[1] ?? -1);
    response.setHeader('content-type', 'application/octet-stream');
    const body = size < 0 ? await bytesOf(request) : Buffer.alloc(size, 'uring');
    response.setHeader('content-length', body.length);
    response.end(body);
  });

async function closed(server) {
  server.close();
  server.closeAllConnections?.();
  await once(server, 'close');
}

const CASES = {
  async curl() {
    return inDirectory(async (directory) => {
      const server = answering();
      const base = `http://${HOST}:${await listening(server)}`;
      const body = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, index) => index % 251));
      writeFileSync(`${directory}/body`, body);
      const curl = async (...args) => (await run('curl', ['-sS', ...args], { encoding: 'buffer', maxBuffer: 1e8 })).stdout;
      const posted = await curl('--data-binary', `@${directory}/body`, '-H', 'Expect: 100-continue', `${base}/`);
      const chunked = await curl('-T', `${directory}/body`, '-H', 'Transfer-Encoding: chunked', `${base}/`);
      const head = `${await curl('-I', `${base}/bytes/5`)}`;
      // One connection for three requests.
      const kept = `${await curl('-w', '%{num_connects}\n', ...[1, 2, 3].flatMap((size) => [`${base}/bytes/${size}`, '-o', '/dev/null']))}`;
      await closed(server);
      return { posted: posted.equals(body), chunked: chunked.equals(body), length: /content-length: (\d+)/i.exec(head)[1], kept };
    });
  },
  async wrk() {
    const server = answering();
    const port = await listening(server);
    const { stdout } = await run('wrk', ['-t1', '-c64', '-d1s', `http://${HOST}:${port}/bytes/100`]);
    await closed(server);
    return { some: Number(/(\d+) requests in/.exec(stdout)[1]) > 100, errors: /Socket errors|Non-2xx/.test(stdout) };
  },
  async 'openssl s_client'() {
    const [key, cert] = ['key', 'cert'].map((name) => readFileSync(certificate(name)));
    const server = overRing(tls.createServer({ key, cert }, (socket) => socket.once('data', (data) => socket.end(data))));
    const port = await listening(server);
    const args = [
      's_client',
      '-quiet',
      '-verify_return_error',
      '-CAfile',
      certificate('cert').pathname,
      '-connect',
      `${HOST}:${port}`,
    ];
    const client = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'] });
    client.stdin.write('hello\n');
    const [data, [code]] = await Promise.all([bytesOf(client.stdout), once(client, 'exit')]);
    await closed(server);
    return { data: `${data}`, code };
  },
  async 'nginx in front'() {
    return inDirectory(async (directory) => {
      const server = answering();
      const port = await listening(server);
      const seen = await withNginx(
        directory,
        (socket) => `upstream ours { server ${HOST}:${port}; keepalive 4; }
          server { listen unix:${socket}; location / { proxy_pass http://ours; proxy_http_version 1.1; proxy_set_header Connection ""; } }`,
        async (socket) => {
          const body = Buffer.alloc(5_000_000, 'front');
          const ask = async (options, data) => {
            const request = http.request({ socketPath: socket, ...options }).end(data);
            const [response] = await once(request, 'response');
            return [response.statusCode, await bytesOf(response)];
          };
          const [status, answer] = await ask({ method: 'POST' }, body);
          const many = await Promise.all(Array.from({ length: 50 }, (_, index) => ask({ path: `/bytes/${index * 1000}` })));
          return {
            status,
            same: answer.equals(body),
            sizes: many.every(([code, data], index) => code === 200 && data.length === index * 1000),
          };
        },
      );
      await closed(server);
      return seen;
    });
  },
  async 'nginx behind'() {
    return inDirectory(async (directory) => {
      const content = Buffer.alloc(5_000_000, 'behind');
      writeFileSync(`${directory}/file`, content);
      return withNginx(
        directory,
        (socket) => `server { listen unix:${socket}; root ${directory}; }`,
        async (socket) => {
          const agent = new Agent({ keepAlive: true, maxSockets: 2 });
          const files = await Promise.all(
            Array.from({ length: 6 }, async () => {
              const [response] = await once(http.get({ socketPath: socket, path: '/file', agent }), 'response');
              const isOurs = response.socket instanceof net.Socket;
              return (await bytesOf(response)).equals(content) && isOurs;
            }),
          );
          agent.destroy();
          // And with the native API.
          const connection = await connect({ path: socket });
          await connection.write('GET /file HTTP/1.0\r\n\r\n');
          const all = [];
          for await (const chunk of connection) all.push(chunk.copy());
          await connection.close();
          return { files, native: Buffer.concat(all).subarray(-content.length).equals(content) };
        },
      );
    });
  },
  /** A page with its resources, over as many connections as a browser opens. */
  async page() {
    const sizes = Array.from({ length: 80 }, (_, index) => 200 + ((index * 7919) % 120_000));
    const server = answering();
    const port = await listening(server);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 6 });
    const get = async (path) => {
      const [response] = await once(http.get({ host: HOST, port, path, agent }), 'response');
      return (await bytesOf(response)).length;
    };
    const lengths = await Promise.all(sizes.map((size) => get(`/bytes/${size}`)));
    const connections = await promisify(server.getConnections.bind(server))();
    agent.destroy();
    await closed(server);
    return { same: lengths.every((length, index) => length === sizes[index]), connections };
  },
  /**
   * Clients that never end their header do not keep the others from being served, and are
   * disconnected. Those that send nothing more receive the reason; those that send a byte now and
   * then can be reset in the middle of one, before they have read the reason.
   */
  async 'slow-loris'() {
    const server = createServer(
      { headersTimeout: 300, requestTimeout: 600, connectionsCheckingInterval: 50 },
      (_request, response) => response.end('ok'),
    );
    const port = await listening(server);
    const slow = () => {
      const socket = nodeNet.connect(port, HOST);
      socket.write('GET / HTTP/1.1\r\nx-slow: ');
      return socket;
    };
    const silent = Array.from({ length: 100 }, () => bytesOf(slow()));
    const trickling = Array.from({ length: 100 }, async () => {
      const socket = slow();
      const timer = setInterval(() => socket.writable && socket.write('x'), 100);
      await new Promise((resolve) =>
        socket
          .on('error', () => undefined)
          .on('close', resolve)
          .resume(),
      );
      clearInterval(timer);
    });
    const served = await Promise.all(Array.from({ length: 20 }, async () => (await fetch(`http://${HOST}:${port}/`)).text()));
    const answers = (await Promise.all(silent)).map((bytes) => `${bytes}`.split('\r\n')[0]);
    const thrownOut = (await Promise.all(trickling)).length;
    await closed(server);
    return { served: [...new Set(served)], answers: [...new Set(answers)], thrownOut };
  },
  /** Requests that arrive in pieces of any size. */
  async fragments() {
    const server = net.createServer((socket) => socket.pipe(socket));
    const port = await listening(server);
    const results = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const data = Buffer.alloc(200_000, `${randomInt(1e9)}`);
        const socket = nodeNet.connect({ port, host: HOST, noDelay: true });
        const echoed = bytesOf(socket);
        for (let at = 0; at < data.length; ) {
          const size = randomInt(4) === 0 ? randomInt(1, 20_000) : randomInt(1, 200);
          socket.write(data.subarray(at, at + size));
          at += size;
          if (randomInt(8) === 0) await new Promise(setImmediate);
        }
        socket.end();
        return (await echoed).equals(data);
      }),
    );
    await closed(server);
    return { results: [...new Set(results)] };
  },
  /** Sends a number of MiB there and back at once. */
  async volume(mebibytes) {
    const listener = await listen({ host: HOST });
    const echo = (async () => {
      const connection = await listener.accept();
      for await (const chunk of connection) await connection.write(chunk);
      await connection.close();
    })();
    const connection = await connect({ host: HOST, port: listener.address.port });
    const block = Buffer.from(new SharedArrayBuffer(1 << 20));
    const [sent, received] = [createHash('sha1'), createHash('sha1')];
    let count = 0;
    const reading = (async () => {
      for await (const chunk of connection) {
        received.update(chunk.bytes);
        count += chunk.length;
      }
    })();
    for (let index = 0; index < Number(mebibytes); index++) {
      for (let at = 0; at < block.length; at += 4096)
        block.writeUInt32LE(Math.imul(index * 256 + (at >> 12), 2654435761) >>> 0, at);
      sent.update(block);
      await connection.write(block);
    }
    await connection.shutdown();
    await reading;
    await Promise.all([connection.close(), echo, listener.close()]);
    return { mebibytes: count / (1 << 20), same: sent.digest('hex') === received.digest('hex') };
  },
  /**
   * Many connections at once: each sends something and gets a response, then all of them again.
   * Each end is a separate process.
   */
  async many(count) {
    const server = spawn(process.execPath, [fileURLToPath(import.meta.url), 'echo server'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface(server.stdout)[Symbol.asyncIterator]();
    const port = Number((await lines.next()).value);
    const openThere = async () => {
      server.stdin.write('how many?\n');
      return Number((await lines.next()).value);
    };
    const connections = [];
    while (connections.length < Number(count)) {
      const batch = Array.from({ length: 500 }, () => connect({ host: HOST, port }));
      connections.push(...(await Promise.all(batch)));
    }
    const sums = [];
    for (let round = 0; round < 2; round++) {
      let answered = 0;
      await Promise.all(
        connections.map(async (connection, index) => {
          const question = `${round} ${index}`;
          await connection.write(question);
          let answer = '';
          // In two pieces, if a buffer has ended in the middle of it.
          while (answer.length < question.length) answer += await connection.read();
          if (answer === question) answered++;
        }),
      );
      sums.push(answered);
    }
    const atOnce = await openThere();
    await Promise.all(connections.map((connection) => connection.close()));
    await until(async () => (await openThere()) === 0);
    server.stdin.end();
    const [code] = await once(server, 'exit');
    return { atOnce, sums, code };
  },
  /** Reports how many connections it has on request, and exits at the end of its input. */
  async 'echo server'() {
    const listener = await listen({ host: HOST, backlog: 4096 });
    console.log(listener.address.port);
    let open = 0;
    const serving = (async () => {
      for await (const connection of listener) {
        open++;
        void (async () => {
          for await (const chunk of connection) await connection.write(chunk);
          await connection.close();
          open--;
        })();
      }
    })();
    for await (const _line of createInterface(process.stdin)) console.log(open);
    await listener.close();
    await serving;
    return 'closed';
  },
};

const [, , name, ...args] = process.argv;
console.log(JSON.stringify(await CASES[name](...args)));
