/** `uring/http`, `uring/https`, and `uring/net` have everything that Node's modules have. */

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { afterAll, describe, expect, test } from '@jest/globals';
import * as uringHttp from '../../src/http/index.js';
import * as uringHttps from '../../src/https/index.js';
import { Uring } from '../../src/index.js';
import * as uringNet from '../../src/net/index.js';
import { whyNoRing } from '../helpers/linux.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

test.each([
  ['http', http, uringHttp],
  ['https', https, uringHttps],
  ['net', net, uringNet],
])('%s has every name of Node’s, in the module and in its default export', (_name, nodes, ours) => {
  const names = Object.keys(nodes);
  expect(Object.keys(ours)).toEqual(expect.arrayContaining(names));
  expect(Object.keys(ours.default)).toEqual(expect.arrayContaining(names));
});

onLinux(`uring/http${reason ? ` (skipped: ${reason})` : ''}`, () => {
  afterAll(() => Uring.default().close());

  test('requests of every form use its agent, unless another is given', async () => {
    const server = uringHttp.createServer((request, response) => response.end(`${request.method} ${request.url}`));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const url = `http://127.0.0.1:${port}/a`;
    const other = (uringHttp.Agent as unknown as () => http.Agent)();
    const answers: unknown[] = [];
    const ask = (make: (callback: (response: http.IncomingMessage) => void) => http.ClientRequest) =>
      new Promise<void>((resolve, reject) => {
        const request = make((response) => {
          let text = '';
          response.on('data', (data) => {
            text += data;
          });
          response.on('end', () => {
            answers.push([text, (request as { agent?: unknown }).agent === uringHttp.globalAgent]);
            resolve();
          });
        });
        request.on('error', reject);
      });
    await ask((callback) => uringHttp.get(url, callback));
    await ask((callback) => uringHttp.get(new URL(url), { headers: {} }, callback));
    await ask((callback) => uringHttp.get({ host: '127.0.0.1', port, path: '/b' }, callback));
    await ask((callback) => uringHttp.get(url, undefined as never, callback));
    await ask((callback) => uringHttp.get(url, null as never, callback));
    await ask((callback) => uringHttp.request(url, { method: 'POST' }, callback).end());
    await ask((callback) => uringHttp.get(url, { agent: other }, callback));
    await ask((callback) => uringHttp.get(url, { agent: false }, callback));
    expect(answers).toEqual([
      ['GET /a', true],
      ['GET /a', true],
      ['GET /b', true],
      ['GET /a', true],
      ['GET /a', true],
      ['POST /a', true],
      ['GET /a', false],
      ['GET /a', false],
    ]);
    expect(other).toBeInstanceOf(http.Agent);
    uringHttp.globalAgent.destroy();
    server.close();
    await once(server, 'close');
  });

  test('a global agent that the program sets replaces ours, as with Node', () => {
    for (const module of [http, uringHttp.default]) {
      const before = module.globalAgent;
      module.globalAgent = new http.Agent();
      module.globalAgent.createConnection = () => {
        throw new Error('by my agent');
      };
      expect(() => module.get('http://127.0.0.1:1/')).toThrow('by my agent');
      module.globalAgent = before;
    }
    const before = https.globalAgent;
    uringHttps.default.globalAgent = new https.Agent();
    expect(https.globalAgent).not.toBe(before);
    uringHttps.default.globalAgent = before;
    expect(https.globalAgent).toBe(before);
  });
});
