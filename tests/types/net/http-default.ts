/** `http` by its default import: handlers, requests, agents. */

import http from 'node:http';
import type net from 'node:net';

interface Route<Request extends http.IncomingMessage = http.IncomingMessage> {
  readonly method: string;
  handle(request: Request, response: http.ServerResponse<Request>): Promise<void> | void;
}

export const listener: http.RequestListener = (request, response) => {
  const length: string | undefined = request.headers['content-length'];
  const headers: http.OutgoingHttpHeaders = { 'content-type': 'text/plain', 'x-length': length ?? 0 };
  response.writeHead(http.STATUS_CODES[200] ? 200 : 500, headers).end(request.url?.slice(1));
};

export function serve(route: Route, options: http.ServerOptions = { keepAlive: true }): http.Server {
  const server = http.createServer(options, async (request, response) => {
    if (request.method === route.method) await route.handle(request, response);
    else response.setHeader('allow', [route.method]).writeHead(405).end();
  });
  server.on('upgrade', (request: http.IncomingMessage, socket: net.Socket | import('node:stream').Duplex, head: Buffer) => {
    socket.end(`${request.httpVersion} ${head.length}`);
  });
  return server.listen({ port: 0, host: 'localhost' });
}

export function fetchText(options: http.RequestOptions, agent: http.Agent = http.globalAgent): Promise<string> {
  return new Promise((resolve, reject) => {
    const request: http.ClientRequest = http.get({ ...options, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('end', () => resolve(`${response.statusCode ?? 0} ${text}`));
    });
    request.once('error', reject);
  });
}

http.globalAgent = new http.Agent({ keepAlive: true, maxSockets: 4 } satisfies http.AgentOptions);
http
  .createServer(listener)
  .setTimeout(10)
  .listen(80, () => {});
http.get('http://a/');
http.get(new URL('http://a/'), { headers: { a: ['b'] } }, (response: http.IncomingMessage) => response.resume());
http
  .request('http://a/', { method: 'POST', timeout: 10, setHost: false })
  .on('response', (response) => response.pipe(process.stdout));

// @ts-expect-error The status can be missing.
http.get('http://a/', (response) => response.statusCode.toFixed());
// @ts-expect-error There is no such option.
http.request({ hots: 'a' });
// @ts-expect-error A handler gets a request first.
http.createServer((request: http.ServerResponse) => request.end());
// @ts-expect-error An agent is needed.
http.globalAgent = undefined;
// @ts-expect-error A class cannot be called.
http.Agent();
// @ts-expect-error There is no such option for an agent.
new http.Agent({ keepAliv: true });
// @ts-expect-error There is no such option for a server.
http.createServer({ keepAliv: true }, listener);
