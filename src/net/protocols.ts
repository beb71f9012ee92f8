/**
 * The protocol of a server, recognized by its methods. Node does not export the class of HTTP/2
 * servers without TLS, and a program that uses neither of the others would pay for loading them: 6
 * MiB and 15 ms.
 *
 * @module
 */

import type http from 'node:http';
import type http2 from 'node:http2';
import type net from 'node:net';
import type tls from 'node:tls';

/** Returns whether a server is one of `node:http` or `node:https`. */
export function isHttpServer(server: net.Server): boolean {
  return ('closeIdleConnections' satisfies keyof http.Server) in server;
}

/** Returns whether a server is one of `node:tls`, `node:https`, or `node:http2` with TLS. */
function isTlsServer(server: net.Server): boolean {
  return ('setSecureContext' satisfies keyof tls.Server) in server;
}

/** Returns whether a server is one of `node:http2`. */
function isHttp2Server(server: net.Server): boolean {
  return ('updateSettings' satisfies keyof http2.Http2Server) in server;
}

/**
 * Returns whether a server has native code that reads from the handle itself: HTTP/1, HTTP/2 and
 * TLS. Over the ring, their data would pass through JavaScript. HTTP/1 gains nothing from that; the
 * others become several times slower and lose addresses, options and half-closes. For these servers
 * the ring accepts, and Node does the rest.
 */
export function leavesReadingToNode(server: net.Server): boolean {
  return isHttpServer(server) || isTlsServer(server) || isHttp2Server(server);
}
