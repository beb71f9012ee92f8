/**
 * The modules passed to code that is written for Node's own, and objects that Node's own have
 * created.
 */

import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { ownHttp, ownHttps, ownNet } from './own.js';

const takesOwn = (server: ownHttp.Server, socket: ownNet.Socket, agent: ownHttp.Agent): unknown => [server, socket, agent];
takesOwn(http.createServer(), net.connect(1), new http.Agent());
const takesOurs = (server: http.Server, socket: net.Socket, agent: http.Agent): unknown => [server, socket, agent];
takesOurs(ownHttp.createServer(), ownNet.connect(1), new ownHttp.Agent());

export const modules: { http: typeof ownHttp; https: typeof ownHttps; net: typeof ownNet } = { http, https, net };
export const others: { http: typeof http; https: typeof https } = { http: ownHttp, https: ownHttps };
export const classes: (typeof net.Socket | typeof ownNet.Socket)[] = [net.Socket, ownNet.Socket];
export const sameClass: typeof net.Server = ownNet.Server;
export const served = (module: typeof import('node:http')): net.Server => module.createServer();
served(ownHttp);

// @ts-expect-error A server of another kind, whether ours or Node's.
takesOwn(net.createServer(), net.connect(1), new http.Agent());
// @ts-expect-error And the other way round.
takesOurs(ownNet.createServer(), ownNet.connect(1), new ownHttp.Agent());
