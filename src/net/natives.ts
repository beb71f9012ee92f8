/**
 * Internals of `node:net` that it does not export: libuv's handles, their classes, and the symbol
 * under which a handle refers to its socket. All of them are found through handles that Node has
 * created, and are the same from Node 20 to 26.
 *
 * @module
 */

import net from 'node:net';

/** A libuv handle, as far as `net` and this library use it. Calls return 0 or `-errno`. */
export interface NativeHandle {
  readonly fd: number;
  readonly bytesRead: number;
  readonly isStreamBase: boolean;
  /** Whether Node has started reading. Node's own property; absent before the first start. */
  reading?: boolean;
  /** Called with data that was read. */
  onread: unknown;
  /** Called by a listening handle. */
  onconnection?: (status: number, client: NativeHandle) => void;
  open(fd: number): number;
  listen(backlog: number): number;
  readStart(): number;
  readStop(): number;
  /** Makes the handle read everything into one buffer: the option `onread` of a socket. */
  useUserBuffer(buffer: Uint8Array): void;
  close(done?: () => void): void;
  /** Closes with a reset; TCP only. */
  reset?(done?: () => void): number;
  ref(): void;
  unref(): void;
  hasRef(): boolean;
}

/** A class of handles. */
export type NativeClass = new (type: number) => NativeHandle;

/** The value of Node's constant `SOCKET`, for both TCP and Pipe. */
const TYPE_SOCKET = 0;

type AddressType = 4 | 6 | -1 | null;

/**
 * Creates a server's handle, bound to an address or opened on a descriptor. Returns `-errno` on
 * failure.
 */
export const createServerHandle = (
  net as unknown as {
    _createServerHandle(
      address: string | null,
      port: number | null,
      addressType: AddressType,
      fd?: number,
      flags?: number,
    ): NativeHandle | number;
  }
)._createServerHandle;

let owner: symbol | undefined;

/** Returns the socket that a handle belongs to. Node uses the same symbol on all handles. */
export function ownerOf(handle: NativeHandle): net.Socket | undefined {
  owner ??= Object.getOwnPropertySymbols(handle).find((name) => ((handle as never)[name] as unknown) instanceof net.Socket);
  return owner && (handle as never)[owner];
}

/**
 * Creates a handle for a connection that a server's handle has accepted. The handle owns the
 * descriptor. Returns `undefined` if the descriptor is unusable.
 */
export function connectionHandle(server: NativeHandle, fd: number): NativeHandle | undefined {
  const handle = new (server.constructor as NativeClass)(TYPE_SOCKET);
  if (handle.open(fd) === 0) return handle;
  handle.close();
  return undefined;
}

/**
 * Returns whether a class is that of TCP or Unix sockets, as opposed to that of a terminal or the
 * wrapper that TLS puts around a socket.
 */
export function isSocketClass(native: NativeHandle): boolean {
  const { name } = native.constructor;
  return name === 'TCP' || name === 'Pipe';
}
