/** CommonJS: `import = require()`, as a value and as a namespace of types. */

import fs = require('node:fs');
import promises = require('node:fs/promises');
import net = require('node:net');
import http = require('node:http');
import https = require('node:https');

let stats: fs.Stats = fs.statSync('.');
let handle: promises.FileHandle | undefined;

export async function load(path: fs.PathLike): Promise<Buffer> {
  handle = await fs.promises.open(path);
  stats = await handle.stat();
  return promises.readFile(handle);
}

export const serve = (listener: http.RequestListener, options: https.ServerOptions): [net.Server, net.Server] => [
  http.createServer(listener),
  https.createServer(options, listener),
];
export const connect = (to: net.TcpNetConnectOpts): net.Socket => net.connect(to);

export class Counted extends net.Socket {
  readonly size = stats.size;
}

// @ts-expect-error There is no such type.
export type Missing = fs.Statz;
// @ts-expect-error There is no such function.
export const missing = fs.readFil('a');
