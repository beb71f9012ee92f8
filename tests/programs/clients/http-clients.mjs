import http from 'node:http';
import https from 'node:https';
import axios from 'axios';
import got from 'got';
import { Agent, fetch, request } from 'undici';
import { bytes, ca, digest, failure, say, services, times } from './common.mjs';

const agents = {
  http: new http.Agent({ keepAlive: true, maxSockets: 10 }),
  https: new https.Agent({ keepAlive: true, maxSockets: 10, ca }),
};
const dispatcher = new Agent({ connect: { ca }, connections: 10 });

const clients = {
  axios: async (url, { method = 'GET', body } = {}) => {
    const { status, data } = await axios({
      ...{ url, method, data: body, responseType: 'arraybuffer', maxBodyLength: Infinity, validateStatus: () => true },
      ...{ httpAgent: agents.http, httpsAgent: agents.https },
    });
    return [status, data];
  },
  got: async (url, { method = 'GET', body } = {}) => {
    const { statusCode, rawBody } = await got(url, {
      ...{ method, agent: agents, retry: { limit: 0 }, throwHttpErrors: false, https: { certificateAuthority: ca } },
      ...(body ? { body } : {}),
    });
    return [statusCode, rawBody];
  },
  undici: async (url, { method = 'GET', body } = {}) => {
    const { statusCode, body: answer } = await request(url, { method, body, dispatcher });
    return [statusCode, Buffer.from(await answer.arrayBuffer())];
  },
  fetch: async (url, { method = 'GET', body } = {}) => {
    const response = await fetch(url, { method, body, dispatcher });
    return [response.status, Buffer.from(await response.arrayBuffer())];
  },
};

for (const [name, base] of [
  ['plain', `http://127.0.0.1:${services.nginx}`],
  ['TLS', `https://localhost:${services.nginxTls}`],
]) {
  for (const [client, call] of Object.entries(clients)) {
    const seen = async (path, options) => {
      const [status, body] = await call(`${base}${path}`, options);
      return `${status} ${body.length} ${digest(body)}`;
    };
    say(name, client, await seen('/small.txt'), await seen('/nothing'), await seen('/redirect'));
    say(name, client, new Set(await times(20, () => seen('/large.bin'))).size, await seen('/large.bin'));
    // The server closes each connection after 50 requests.
    say(name, client, new Set(await times(300, () => seen('/small.txt'))).size);
    const path = `/upload/${client}-${name}-${process.pid}`;
    await times(10, (index) => seen(`${path}-${index}`, { method: 'PUT', body: bytes(1_000_000 + index) }));
    say(name, client, await times(10, (index) => seen(`${path}-${index}`)));
    await times(10, (index) => seen(`${path}-${index}`, { method: 'DELETE' }));
  }
  const aborted = new AbortController();
  const url = `${base}/large.bin`;
  const outcome = failure(
    axios({
      url,
      signal: aborted.signal,
      httpAgent: agents.http,
      httpsAgent: agents.https,
      onDownloadProgress: () => aborted.abort(),
    }),
  );
  say(name, 'aborted', await outcome);
}
say(await failure(got('http://127.0.0.1:1/', { retry: { limit: 0 } })));
say((await failure(axios('http://127.0.0.1:1/'))).split('\n')[0]);
for (const agent of Object.values(agents)) agent.destroy();
await dispatcher.close();
