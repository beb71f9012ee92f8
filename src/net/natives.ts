/**
 * What `node:net` is made of and does not export: libuv's handles, their classes, and the name by which a handle knows its socket. All of it is found
 * in handles that Node has made, and is the same from Node 20 to 26.
 *
 * @module
 */

import net from 'node:net';

/** A handle of libuv's, as far as `net` and this library use it. Calls return 0, or `-errno`. */
export interface NativeHandle {
  readonly fd: number;
  readonly bytesRead: number;
  readonly isStreamBase: boolean;
  /** Whether Node has started it; Node's own property, which is not there before. */
  reading?: boolean;
  /** Called with what is read. */
  onread: unknown;
  /** Called by a listening handle. */
  onconnection?: (status: number, client: NativeHandle) => void;
  open(fd: number): number;
  listen(backlog: number): number;
  readStart(): number;
  readStop(): number;
  /** Has everything read into one buffer: the option `onread` of a socket. */
  useUserBuffer(buffer: Uint8Array): void;
  close(done?: () => void): void;
  /** Closes with a reset; TCP only. */
  reset?(done?: () => void): number;
  ref(): void;
  unref(): void;
  hasRef(): boolean;
}

/** A class of them. */
export type NativeClass = new (type: number) => NativeHandle;

/** What Node calls its constants `SOCKET`, of TCP and of Pipe. */
const TYPE_SOCKET = 0;

type AddressType = 4 | 6 | -1 | null;

/** Makes a server's handle, bound to an address or opened on a descriptor. Returns `-errno` if that fails. */
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

/** The socket that a handle belongs to. Node's name for that is the same on all handles. */
export function ownerOf(handle: NativeHandle): net.Socket | undefined {
  owner ??= Object.getOwnPropertySymbols(handle).find((name) => ((handle as never)[name] as unknown) instanceof net.Socket);
  return owner && (handle as never)[owner];
}

/** A handle for a connection that a server's handle has accepted. It owns the descriptor. Returns `undefined` when the descriptor is of no use. */
export function connectionHandle(server: NativeHandle, fd: number): NativeHandle | undefined {
  const handle = new (server.constructor as NativeClass)(TYPE_SOCKET);
  if (handle.open(fd) === 0) return handle;
  handle.close();
  return undefined;
}

/** Whether a class is that of TCP or of Unix sockets, and no terminal's, nor what TLS has put over one of them. */
export function isSocketClass(native: NativeHandle): boolean {
  const { name } = native.constructor;
  return name === 'TCP' || name === 'Pipe';
}
