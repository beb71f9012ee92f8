/**
 * Classes that extend those of `http`, servers that create them, and requests with members of a
 * framework.
 */

import http, { Agent, type ClientRequestArgs, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

declare module 'node:http' {
  interface IncomingMessage {
    session?: { readonly user: string };
  }
}

export class Query extends IncomingMessage {
  get query(): URLSearchParams {
    return new URL(this.url ?? '/', 'http://a').searchParams;
  }
}

export class Json<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  json(value: unknown): this {
    return this.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  }
}

export class Counting extends http.Agent {
  connections = 0;

  constructor(options?: http.AgentOptions) {
    super({ keepAlive: true, ...options });
  }

  override createConnection(options: ClientRequestArgs, callback?: (error: Error | null, stream: Socket) => void): Socket {
    this.connections++;
    return super.createConnection(options as never, callback as never) as Socket;
  }
}

export const server = http.createServer({ IncomingMessage: Query, ServerResponse: Json }, (request, response) => {
  const name: string | null = request.query.get('name');
  response.json({ name, user: request.session?.user });
});
export const typed: http.Server<typeof Query, typeof Json> = server;
export const plain: http.RequestListener<typeof Query> = (request, response) => response.end(request.query.toString());
export const agents: readonly Agent[] = [new Counting(), new Agent()];
export const user = (request: http.IncomingMessage): string => request.session?.user ?? '';

export class Application extends http.Server {
  override close(callback?: (error?: Error) => void): this {
    this.closeIdleConnections();
    return super.close(callback);
  }
}

// @ts-expect-error A plain response has no such method.
http.createServer({ IncomingMessage: Query }, (_request, response) => response.json(1));
// @ts-expect-error A class of requests is not a class of responses.
http.createServer({ ServerResponse: Query });
export class Wrong extends http.Agent {
  // @ts-expect-error The method has another type.
  override getName(): number {
    return 1;
  }
}
export class Other extends Agent {
  constructor() {
    // @ts-expect-error The options have another type.
    super({ maxSockets: '1' });
  }
}
http.createServer((request) => {
  // @ts-expect-error The added member is read-only.
  if (request.session) request.session.user = 'a';
});
