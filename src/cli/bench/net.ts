/**
 * `uring bench net`: connections over loopback, with both ends in this process, both of the same
 * kind.
 *
 * (`npm run bench -- net` in the repository uses a load in C, on its own core.)
 *
 * @module
 */

import { once } from 'node:events';
import nodeNet from 'node:net';
import uringNet from '../../net/index.js';
import { type Connection, connect, type Listener, listen } from '../../sockets/index.js';
import type { Side, Work } from './measure.js';

const HOST = '127.0.0.1';
const CONNECTIONS = 64;
const MESSAGE = Buffer.alloc(64, 'uring');
const BLOCK = Buffer.alloc(256 * 1024, 'uring');

/** A server that sends back what it receives, and its clients, of one kind. */
interface Ends {
  /** Makes this many round trips, over all connections. */
  echo(trips: number): Promise<void>;
  /** Sends this many bytes, one way. */
  stream(bytes: number): Promise<void>;
  /** Makes this many connections, each for one round trip. */
  connect(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Returns the works: round trips, streams and connections. */
export function netWorks(short: boolean): Work[] {
  const sizes = short ? { trips: 2000, bytes: 16 << 20, count: 200 } : { trips: 60_000, bytes: 512 << 20, count: 5000 };
  const work = (id: string, title: string, unit: string, run: (ends: Ends) => Promise<number>): Work => {
    const forms: [string, Ends][] = [
      ['uring/sockets', new NativeEnds()],
      ['uring/net', new NodeEnds(uringNet as unknown as typeof nodeNet)],
      ['node:net', new NodeEnds(nodeNet)],
    ];
    return {
      id,
      title,
      unit,
      sides: forms.map(([name, ends]): Side => ({ name, run: () => run(ends) })),
      close: async () => {
        for (const [, ends] of forms) await ends.close();
      },
    };
  };
  return [
    work('echo', `echo of ${MESSAGE.length} bytes, ${CONNECTIONS} connections`, 'round trips', async (ends) => {
      await ends.echo(sizes.trips);
      return sizes.trips;
    }),
    work('stream', 'one way, in blocks of 256 KiB', 'bytes', async (ends) => {
      await ends.stream(sizes.bytes);
      return sizes.bytes;
    }),
    work('connect', 'connect, one message, close', 'connections', async (ends) => {
      await ends.connect(sizes.count);
      return sizes.count;
    }),
  ];
}

/** Runs a function for each connection, all at once. */
const onAll = <T>(all: readonly T[], body: (one: T) => Promise<void>) => Promise.all(all.map(body));

/** The ends for `uring/sockets`. */
class NativeEnds implements Ends {
  private listener: Promise<Listener> | undefined;
  private clients: Connection[] = [];

  async echo(trips: number): Promise<void> {
    const options = await this.open();
    while (this.clients.length < CONNECTIONS) this.clients.push(await connect(options));
    await onAll(this.clients, async (client) => {
      for (let trip = 0; trip < trips / CONNECTIONS; trip++) await this.trip(client);
    });
  }

  async stream(bytes: number): Promise<void> {
    const client = await connect(await this.open());
    const reading = (async () => {
      for await (const _chunk of client);
    })();
    for (let sent = 0; sent < bytes; sent += BLOCK.length) await client.write(BLOCK);
    await client.shutdown();
    await reading;
    await client.close();
  }

  async connect(count: number): Promise<void> {
    const options = await this.open();
    await onAll(Array.from({ length: 32 }), async () => {
      for (let index = 0; index < count / 32; index++) {
        const client = await connect(options);
        await this.trip(client);
        await client.close();
      }
    });
  }

  async close(): Promise<void> {
    await onAll(this.clients, (client) => client.close());
    await (await this.listener)?.close();
  }

  private async trip(client: Connection): Promise<void> {
    await client.write(MESSAGE);
    for (let left = MESSAGE.length; left > 0; ) left -= (await client.read())?.length ?? left;
  }

  private async open(): Promise<{ host: string; port: number; noDelay: boolean }> {
    this.listener ??= this.listen();
    const { address } = await this.listener;
    return { host: HOST, port: (address as { port: number }).port, noDelay: true };
  }

  private async listen(): Promise<Listener> {
    const listener = await listen({ host: HOST, noDelay: true });
    void this.serve(listener);
    return listener;
  }

  private async serve(listener: Listener): Promise<void> {
    for await (const connection of listener) {
      void (async () => {
        for await (const chunk of connection) await connection.write(chunk);
        await connection.close();
      })();
    }
  }
}

/** The ends for `node:net`, and for modules with its interface. */
class NodeEnds implements Ends {
  private server: Promise<nodeNet.Server> | undefined;
  private clients: nodeNet.Socket[] = [];

  constructor(private readonly net: typeof nodeNet) {}

  async echo(trips: number): Promise<void> {
    while (this.clients.length < CONNECTIONS) this.clients.push(await this.open());
    await onAll(this.clients, (client) => this.trips(client, trips / CONNECTIONS));
  }

  async stream(bytes: number): Promise<void> {
    const client = await this.open();
    client.resume();
    for (let sent = 0; sent < bytes; sent += BLOCK.length) if (!client.write(BLOCK)) await once(client, 'drain');
    client.end();
    await once(client, 'close');
  }

  async connect(count: number): Promise<void> {
    await onAll(Array.from({ length: 32 }), async () => {
      for (let index = 0; index < count / 32; index++) {
        const client = await this.open();
        await this.trips(client, 1);
        client.end();
        await once(client, 'close');
      }
    });
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.destroy();
    const server = await this.server;
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  }

  private trips(client: nodeNet.Socket, count: number): Promise<void> {
    return new Promise((resolve) => {
      let left = MESSAGE.length;
      let trip = 0;
      const onData = (data: Buffer) => {
        left -= data.length;
        if (left > 0) return;
        left = MESSAGE.length;
        if (++trip < count) {
          client.write(MESSAGE);
          return;
        }
        client.off('data', onData);
        resolve();
      };
      client.on('data', onData);
      client.write(MESSAGE);
    });
  }

  private async open(): Promise<nodeNet.Socket> {
    this.server ??= this.listen();
    const { port } = (await this.server).address() as nodeNet.AddressInfo;
    const client = this.net.connect({ host: HOST, port, noDelay: true });
    await once(client, 'connect');
    return client;
  }

  private async listen(): Promise<nodeNet.Server> {
    const server = this.net.createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => undefined).pipe(socket);
    });
    server.listen(0, HOST);
    await once(server, 'listening');
    return server;
  }
}
