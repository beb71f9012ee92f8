/** `http` by named and namespace imports. */

import * as http from 'node:http';
import {
  Agent,
  type AgentOptions,
  createServer,
  get,
  globalAgent,
  IncomingMessage,
  METHODS,
  type RequestListener,
  type RequestOptions,
  request,
  Server,
  type ServerResponse,
} from 'node:http';
import { promisify } from 'node:util';

export type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;

export function chain(...all: readonly Middleware[]): RequestListener {
  return (request, response) => {
    const run = (index: number, error?: unknown): void => {
      if (error !== undefined) response.writeHead(500).end(String(error));
      else all[index]?.(request, response, (error) => run(index + 1, error));
    };
    run(0);
  };
}

export const agents: Record<string, Agent> = { global: globalAgent, own: new Agent({ timeout: 10, scheduling: 'fifo' }) };
export const server: Server = createServer(chain((_request, response, next) => (response.headersSent ? next() : response.end())));
export const other: Server<typeof IncomingMessage, typeof ServerResponse> = new Server({ maxHeaderSize: 1 << 14 });
export const close: () => Promise<void> = promisify(server.close.bind(server)) as () => Promise<void>;
export const isMethod = (text: string): boolean => METHODS.includes(text) && text.length < http.maxHeaderSize;

export async function post(url: URL, options: RequestOptions, body: string | Uint8Array): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent: false, ...options }, resolve);
    sent.on('error', reject).setHeader('content-length', Buffer.byteLength(body));
    sent.end(body);
  });
}

export const head: typeof request = http.request;
export const parameters = (...given: Parameters<typeof get>): http.ClientRequest => get(...given);
export const isRequest = (value: object): value is http.IncomingMessage => value instanceof IncomingMessage;
export const given: AgentOptions = { keepAlive: true };

// @ts-expect-error Names of a namespace import are read-only.
http.globalAgent = new Agent(given);
// @ts-expect-error A listener is a function.
createServer('listener');
// @ts-expect-error A response has headers, a request has none to set.
createServer((request) => request.setHeader('a', 'b'));
// @ts-expect-error A request needs an address.
request();
// @ts-expect-error Only text or bytes can be sent.
void post(new URL('http://a'), {}, 1);
