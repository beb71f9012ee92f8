/**
 * `listen` of servers, replaced. libuv accepts their connections until the event loop is busy, and the
 * ring from then on: it accepts several in one turn of the loop, libuv only one. While the loop is
 * not busy, libuv takes less CPU time.
 *
 * @module
 */

import net from 'node:net';
import { callsOf } from '../calls.js';
import { inPlaceOf } from '../fs/in-place.js';
import type { ListenArguments, NodesServer } from '../net/acceptor.js';
import type { ListenMethods } from '../net/server.js';
import { EventLoopLoad } from './event-loop-load.js';
import type { LatePart } from './late.js';
import type { Patch } from './patch.js';

type Sockets = typeof import('./parts/sockets.js');

/** The number of connections between two looks at how busy the event loop is. */
const CONNECTIONS_PER_LOOK = 500;

/** The utilization of the event loop from which it is busy. */
const BUSY = 0.9;

/** Node's, for servers that give none. */
const DEFAULT_BACKLOG = 511;

const listenCalls = callsOf('net.Server.listen');

/**
 * Makes servers accept over the ring.
 *
 * @param wanted whether a server is to.
 */
export function replaceListening(patch: Patch, sockets: LatePart<Sockets>, wanted: (server: net.Server) => boolean): void {
  const prototype = net.Server.prototype as NodesServer;
  const nodes: ListenMethods = { listen: prototype.listen, _listen2: prototype._listen2 };
  let methods = nodes;
  sockets.whenLoaded(({ listenOverRing }) => {
    methods = listenOverRing(nodes, { wanted, choosesReaders: false });
  });
  /** Servers whose `listen` was called before the library was loaded. */
  const early = new WeakSet<net.Server>();
  const connections = new LibuvsConnections(sockets);
  const ours: ListenMethods = {
    listen(this: net.Server, ...args: unknown[]) {
      if (sockets.isWaiting && wanted(this)) early.add(this);
      return (methods.listen as (...args: unknown[]) => never).apply(this, args);
    },
    _listen2(this: NodesServer, ...args) {
      if (!early.delete(this)) {
        methods._listen2.apply(this, args);
        return;
      }
      const isGiven = this._handle !== null;
      listenCalls.node++;
      nodes._listen2.apply(this, args);
      if (!isGiven) connections.watch(this, args);
    },
  };
  patch.replace(prototype, 'listen', inPlaceOf(nodes.listen, ours.listen));
  patch.replace(prototype, '_listen2', inPlaceOf(nodes._listen2, ours._listen2));
}

/** The connections that libuv accepts. */
class LibuvsConnections {
  private untilLook = CONNECTIONS_PER_LOOK;
  private eventLoop: EventLoopLoad | undefined;
  private isForRing = false;

  constructor(private readonly sockets: LatePart<Sockets>) {}

  /** Moves a server to the ring when the event loop is busy. */
  watch(server: NodesServer, [, , , backlog]: ListenArguments): void {
    const { _handle: handle } = server;
    // Unix sockets stay with libuv: it removes the path of a handle that it closes.
    if (handle?.onconnection === undefined || handle.constructor.name !== 'TCP') return;
    const { onconnection } = handle;
    handle.onconnection = (status, client) => {
      this.look();
      if (this.isForRing) {
        handle.onconnection = onconnection;
        // Before the program's listeners: they can change the async context, which the ring's
        // connections would inherit.
        if (server._handle === handle) this.sockets.tryToLoad()?.acceptByRing(server, backlog || DEFAULT_BACKLOG);
      }
      onconnection.call(handle, status, client);
    };
  }

  private look(): void {
    if (--this.untilLook > 0) return;
    this.untilLook = CONNECTIONS_PER_LOOK;
    if (this.eventLoop === undefined) this.eventLoop = new EventLoopLoad();
    else this.isForRing ||= this.eventLoop.next() >= BUSY;
  }
}
