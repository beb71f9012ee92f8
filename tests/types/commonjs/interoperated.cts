/** CommonJS: imports that become `require()`, and a dynamic import. */

import * as all from 'node:fs';
import fs, { type PathLike, readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import http, { type IncomingMessage } from 'node:http';
import type net from 'node:net';

export const size = (path: PathLike): number => fs.statSync(path).size + readFileSync(path).length;
export const stats: fs.Stats | all.BigIntStats = all.statSync('.');
export const handle = async (path: all.PathLike): Promise<FileHandle> => open(path);
export const later = async (): Promise<fs.Dirent[]> => (await import('node:fs')).readdirSync('.', { withFileTypes: true });
export const address = (request: IncomingMessage): net.AddressInfo | object => request.socket.address();
export const server: http.Server = http.createServer((request, response) => response.end(JSON.stringify(address(request))));

// @ts-expect-error Without an encoding it is a Buffer.
export const text: string = readFileSync('a');
// @ts-expect-error The default import is not a type itself.
export type Whole = fs;
