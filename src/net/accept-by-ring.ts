/**
 * Moves a server to the ring that already listens by libuv.
 *
 * libuv stops accepting only when its handle is closed. So the server gets another handle, of a
 * duplicate of the descriptor: it is the same socket, and the connections that wait in its backlog
 * remain.
 *
 * @module
 */

import { Acceptor, type NodesServer } from './acceptor.js';
import { uringFor } from './backend.js';
import { createServerHandle } from './natives.js';

/**
 * Has the ring accept the connections of a server from now on. Its sockets remain as Node creates
 * them. Leaves the server to libuv if there is no io_uring, or no free descriptor.
 *
 * @param server listens for TCP connections, by a handle that Node has created. (Closing the handle
 *   of a Unix socket would remove its path.)
 * @param backlog as passed to listen(2).
 */
export function acceptByRing(server: NodesServer, backlog: number): void {
  const uring = uringFor(undefined);
  const { _handle: libuvs } = server;
  if (uring === undefined || libuvs === null) return;
  const fd = uring.duplicateDescriptor(libuvs.fd);
  if (fd < 0) return;
  const handle = createServerHandle(null, null, null, fd);
  if (typeof handle === 'number') {
    uring.closeDescriptor(fd);
    return;
  }
  // What Node has put on it: the server that owns it, and whom to tell of connections.
  Object.assign(handle, libuvs);
  if (!libuvs.hasRef()) handle.unref();
  new Acceptor(uring, server, handle, false);
  handle.listen(backlog);
  libuvs.close();
}
