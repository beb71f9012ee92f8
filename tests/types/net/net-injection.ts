/** The modules passed to their users. */

import http, * as allHttp from 'node:http';
import net, * as allNet from 'node:net';

export class Client {
  constructor(
    private readonly http: typeof import('node:http'),
    private readonly connect: Pick<typeof net, 'connect'>['connect'] = net.connect,
  ) {}

  open = (port: number, created: (request: http.ClientRequest) => void): net.Socket => {
    created(this.http.request({ port, createConnection: () => this.connect(port) }));
    return this.connect({ port });
  };
}

export const lazily = async (): Promise<Client> => new Client(await import('node:http'), (await import('node:net')).connect);
export const clients: Client[] = [new Client(http), new Client(allHttp, allNet.createConnection), new Client({ ...http })];
export const modules: { http: typeof http; net: typeof net } = { http: allHttp, net: allNet };
export const classes: (typeof net.Socket)[] = [net.Socket, allNet.Socket];

// @ts-expect-error A server is not the module.
new Client(http.createServer());
// @ts-expect-error One module is not the other one.
export const swapped: typeof net = http;
