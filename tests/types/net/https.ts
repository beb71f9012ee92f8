/** `https` by each kind of import. */

import fs from 'node:fs';
import type http from 'node:http';
import * as all from 'node:https';
import https, { createServer, get, type RequestOptions, type ServerOptions } from 'node:https';

export function serve(options: https.ServerOptions, listener: http.RequestListener): https.Server {
  const server: https.Server = https.createServer({ ...options, minVersion: 'TLSv1.3' }, listener);
  server.on('tlsClientError', (error, socket) => socket.destroy(error));
  return server.listen(443);
}

export const credentials: ServerOptions = {
  key: fs.readFileSync('key'),
  cert: [fs.readFileSync('cert')],
  honorCipherOrder: true,
};
export const server: all.Server = createServer(credentials, (request, response) => response.end(request.headers.host));
export const agent: https.Agent = new https.Agent({
  rejectUnauthorized: true,
  maxCachedSessions: 10,
} satisfies https.AgentOptions);
export const options: RequestOptions = { hostname: 'a', servername: 'b', agent };
https.globalAgent = agent;

export class Pinned extends https.Agent {
  constructor(readonly fingerprint: string) {
    super({
      keepAlive: true,
      checkServerIdentity: (_host, cert) => (cert.fingerprint256 === fingerprint ? undefined : new Error('other')),
    });
  }
}

export const text = async (url: string | URL): Promise<string> => {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => get(url, options, resolve).on('error', reject));
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
};

export const client = (...[first, ...rest]: Parameters<typeof https.request>): http.ClientRequest => all.request(first, ...rest);
https.get('https://a/', (response) => response.resume()).end();

// @ts-expect-error A key is text, bytes, or several of them.
https.createServer({ key: 1 });
// @ts-expect-error There is no such option.
createServer({ ...credentials, honourCipherOrder: true });
// @ts-expect-error There is no such version.
createServer({ minVersion: 'TLSv2' });
// @ts-expect-error Names of a namespace import are read-only.
all.globalAgent = agent;
// @ts-expect-error An agent without TLS has no such name.
export const cached = (https.globalAgent as http.Agent).maxCachedSessions;
// @ts-expect-error A class cannot be called.
https.Server();
