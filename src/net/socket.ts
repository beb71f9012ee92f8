/**
 * `net.Socket` over the ring: a `stream.Duplex` with the events, properties and errors of Node's.
 *
 * It is no subclass of Node's: what Node's own modules find to be one, they take for a handle of libuv's, and work on it past its methods.
 * As a mere Duplex, `node:http`, `node:tls` and `node:http2` use it by its methods.
 *
 * @module
 */

import { AsyncResource } from 'node:async_hooks';
import net from 'node:net';
import { Duplex } from 'node:stream';
import { AbortError, type Chunk, Uring } from '../engine/index.js';
import type { SocketAddress } from '../sockets/socket.js';
import type { SocketSettings } from '../sockets/socket-options.js';
import { StreamSocket } from '../sockets/stream-socket.js';
import { Errno, type UringError } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { invalidArgType, invalidArgValue, outOfRange } from '../validate.js';
import { Attempts } from './attempts.js';
import { ring } from './backend.js';
import {
  addressException,
  closedBeforeConnection,
  errnoException,
  invalidDescriptorType,
  missingArgs,
  socketClosed,
} from './errors.js';
import { OwnBuffer } from './own-buffer.js';

/** A connected descriptor of ours, as an option of the constructor. */
export const CONNECTED = Symbol('connected');

/** What `new Socket` takes: as `node:net`, and the engine. */
export interface SocketOptions extends net.SocketConstructorOpts {
  /** The engine; default: that of this thread. */
  readonly uring?: Uring | undefined;
  readonly noDelay?: boolean | undefined;
  readonly keepAlive?: boolean | undefined;
  readonly keepAliveInitialDelay?: number | undefined;
  readonly highWaterMark?: number | undefined;
  readonly readableHighWaterMark?: number | undefined;
  readonly writableHighWaterMark?: number | undefined;
  readonly onread?: net.OnReadOpts | undefined;
  /** A descriptor of a connected stream socket, which becomes the Socket's. */
  readonly fd?: number | undefined;
  /** @internal */
  readonly pauseOnCreate?: boolean | undefined;
  /** @internal */
  readonly [CONNECTED]?: number | undefined;
}

/** The server that has accepted it, as Node's own counts its connections. */
export interface CountingServer {
  _connections: number;
  _emitCloseIfDrained(): void;
}

/** What is written, of Node's streams. */
type Written = { chunk: Uint8Array | string; encoding: BufferEncoding };
type Callback = (error?: Error | null) => void;

const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SOCK_STREAM = 1;
const MOST_TIMEOUT = 0x7fff_ffff;

/** Where nothing of the program's is: connections that come have no context, as in Node. */
const OUTSIDE = new AsyncResource('URING');

/** What the writes of a destroyed socket are told, which nobody hears: one for all. */
const CLOSED = new AbortError(socketClosed());

/**
 * A TCP or Unix connection. See `net.Socket` of Node's documentation.
 *
 * Private members are `#` ones, as programs put names of their own on sockets.
 */
export class Socket extends Duplex {
  connecting = false;
  /** The server that accepted it, or `null`. */
  server: unknown = null;
  /** Milliseconds, as set by {@link setTimeout}. */
  timeout: number | undefined = undefined;
  autoSelectFamilyAttemptedAddresses: string[] | undefined = undefined;
  /** @internal */
  _server: CountingServer | null = null;
  /** A Socket that this one works for; its timeout is kept from running out, too. @internal */
  _parent: Socket | null = null;
  /** @internal */
  _host: string | null = null;

  readonly #given: Uring | undefined;
  #stream: StreamSocket | undefined = undefined;
  #attempts: Attempts | undefined = undefined;
  /** Resolves when what was started is undone. */
  #attempted: Promise<unknown> | undefined = undefined;
  #context: AsyncResource | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #lastQueued = 0;
  #received = 0;
  #sent = 0;
  #pending: readonly Written[] = [];
  #referenced = true;
  #resets = false;
  #settings = { noDelay: false, keepAlive: false, keepAliveIdle: 0 };
  readonly #onread: OwnBuffer | undefined;
  #sockname: SocketAddress | undefined = undefined;
  #peername: SocketAddress | undefined = undefined;

  /**
   * Where the module has fallen back (see `configure`), one of Node's is made instead.
   *
   * @throws TypeError for options that make no sense; UringUnavailableError for a descriptor, where there is no io_uring.
   */
  // biome-ignore lint/correctness/noUnreachableSuper: one of Node's is made instead.
  constructor(options: SocketOptions | number = {}) {
    const given: SocketOptions = typeof options === 'number' ? { fd: options } : { ...options };
    // biome-ignore lint/correctness/noConstructorReturn: Node's, in place of ours.
    if (given[CONNECTED] === undefined && usesNode(given.uring)) return new net.Socket(given) as unknown as Socket;
    for (const name of ['objectMode', 'readableObjectMode', 'writableObjectMode'] as const) {
      const value = (given as Record<string, unknown>)[name];
      if (value) throw invalidArgValue(`options.${name}`, value, 'is not supported');
    }
    const { keepAliveInitialDelay = 0, uring, onread, signal } = given;
    if (typeof keepAliveInitialDelay !== 'number') {
      throw invalidArgType('options.keepAliveInitialDelay', 'of type number', keepAliveInitialDelay);
    }
    if (uring !== undefined && !(uring instanceof Uring)) throw invalidArgType('options.uring', 'an instance of Uring', uring);
    super({
      ...(given as object),
      // Later: a stream that is aborted at once would be destroyed before it is one of ours.
      signal: undefined,
      allowHalfOpen: Boolean(given.allowHalfOpen),
      // When the descriptor is closed.
      emitClose: false,
      autoDestroy: true,
      decodeStrings: false,
    });
    this.#given = uring;
    this.#onread = OwnBuffer.of(this, onread);
    this.#settings = {
      noDelay: Boolean(given.noDelay),
      keepAlive: Boolean(given.keepAlive),
      keepAliveIdle: Math.trunc(Math.max(0, keepAliveInitialDelay) / 1000),
    };
    this.on('end', onReadableEnd);
    const fd = given[CONNECTED] ?? given.fd;
    if (fd !== undefined) {
      if (given[CONNECTED] === undefined) this.#checkDescriptor(fd);
      this.#onread?.begin();
      this.#attach(fd);
      if (given.readable !== false) {
        if (given.pauseOnCreate) this.pause();
        else if (!(given as { manualStart?: boolean }).manualStart) this.read(0);
      }
    }
    if (signal !== undefined) this.#abortWith(signal);
  }

  /** Not connected (yet, or any more). */
  get pending(): boolean {
    return this.#stream === undefined || this.connecting;
  }

  get readyState(): net.SocketReadyState {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Bytes in memory that are still to be sent. @deprecated use `writableLength`. */
  get bufferSize(): number {
    return this.writableLength;
  }

  get bytesRead(): number {
    return this.#received;
  }

  get bytesWritten(): number {
    let bytes = this.#sent;
    const { writableBuffer = [] } = this as unknown as { writableBuffer?: Written[] };
    for (const { chunk, encoding } of [...writableBuffer, ...this.#pending]) bytes += Buffer.byteLength(chunk, encoding);
    return bytes;
  }

  get remoteAddress(): string | undefined {
    return this._getpeername().address;
  }

  get remoteFamily(): string | undefined {
    return this._getpeername().family;
  }

  get remotePort(): number | undefined {
    return this._getpeername().port;
  }

  get localAddress(): string | undefined {
    return this._getsockname().address;
  }

  get localFamily(): string | undefined {
    return this._getsockname().family;
  }

  get localPort(): number | undefined {
    return this._getsockname().port;
  }

  /** The descriptor, or -1. Node has it in `_handle`, of which there is none: Node's own modules take one for libuv's. */
  get fd(): number {
    return this.#stream?.fd ?? -1;
  }

  /** @internal */
  _getpeername(): Partial<net.AddressInfo> {
    if (!this.connecting) this.#peername ??= this.#stream?.remoteAddress;
    return infoOf(this.#peername);
  }

  /** @internal */
  _getsockname(): Partial<net.AddressInfo> {
    if (this.#stream === undefined) return {};
    this.#sockname ??= this.#stream.localAddress;
    return infoOf(this.#sockname);
  }

  /** This side's address, port and family. */
  address(): net.AddressInfo | object {
    return this._getsockname();
  }

  /**
   * Connects. See `socket.connect` of Node's documentation.
   *
   * @throws TypeError, RangeError for arguments that make no sense. Everything else is an `'error'`.
   */
  connect(options: net.SocketConnectOpts, connectionListener?: () => void): this;
  connect(port: number, host: string, connectionListener?: () => void): this;
  connect(port: number, connectionListener?: () => void): this;
  connect(path: string, connectionListener?: () => void): this;
  connect(...args: unknown[]): this {
    const [options, listener] = normalizeArgs(args);
    if (listener !== undefined) this.once('connect', listener);
    const { path } = options as Partial<net.IpcSocketConnectOpts>;
    if ((options as Partial<net.TcpSocketConnectOpts>).port === undefined && path == null) throw missingArgs();
    if (path) {
      if (typeof path !== 'string') throw invalidArgType('options.path', 'of type string', path);
    } else {
      Attempts.check(options as net.TcpSocketConnectOpts);
    }
    if (this.connecting || (this.#stream !== undefined && !this.destroyed)) {
      const { host = '', port } = options as Partial<net.TcpSocketConnectOpts>;
      const error = addressException(
        this.connecting ? -Errno.EALREADY : -Errno.EISCONN,
        'connect',
        path ?? host,
        Number(port) || 0,
      );
      timers.nextTick(() => this.destroy(error));
      return this;
    }
    // The check of writes after the peer's end, of a connection before.
    delete (this as { write?: unknown }).write;
    (this as unknown as { _undestroy(): void })._undestroy();
    this.#peername = undefined;
    this.#sockname = undefined;
    this.#received = 0;
    this.#sent = 0;
    this.#onread?.begin();
    this.#touch();
    this.connecting = true;
    this.#context = new AsyncResource('URINGSOCKET');
    if (!path) this._host = (options as net.TcpSocketConnectOpts).host ?? 'localhost';
    this.#attempted = this.#connectNow(path ? { path } : options);
    return this;
  }

  async #connectNow(options: Partial<net.IpcSocketConnectOpts & net.TcpSocketConnectOpts>): Promise<void> {
    let attempts: Attempts | undefined;
    try {
      const uring = this.#engine();
      attempts = new Attempts(uring, this);
      this.#attempts = attempts;
      const fd = await (options.path ? attempts.toPath(options.path) : attempts.toHost(options as net.TcpSocketConnectOpts));
      // It may have been destroyed, and even connect anew.
      if (this.#attempts === attempts) this.#run(() => this.#connected(fd));
      else uring.closeDescriptor(fd);
    } catch (error) {
      // By then, listeners are there, and nobody is called in the midst of a promise.
      timers.nextTick(() => {
        if (this.#attempts === attempts && this.connecting) this.destroy(error as Error);
      });
    }
  }

  #connected(fd: number): void {
    this.connecting = false;
    this.#attempts = undefined;
    this.#attach(fd);
    this.#touch();
    this.emit('connect');
    this.emit('ready');
    if (!this.destroyed && !this.isPaused()) this.read(0);
  }

  /** The descriptor is connected, and ours. */
  #attach(fd: number): void {
    this.#context ??= OUTSIDE.runInAsyncScope(() => new AsyncResource('URINGSOCKET'));
    const stream = new StreamSocket(this.#engine(), fd, {
      received: (chunk) => this.#onChunk(chunk),
      ended: (error) => this.#run(() => this.#onEnd(error)),
      engineClosed: (error) => this.#run(() => this.destroy(error)),
    });
    this.#stream = stream;
    if (!this.#referenced) stream.reference(false);
    const { noDelay, keepAlive, keepAliveIdle } = this.#settings;
    if (noDelay) this.#set({ noDelay });
    if (keepAlive) this.#set({ keepAlive, ...(keepAliveIdle > 0 ? { keepAliveIdle } : {}) });
  }

  #engine(): Uring {
    return ring(this.#given) ?? Uring.default();
  }

  #checkDescriptor(fd: number): void {
    if (!Number.isInteger(fd) || fd < 0) throw outOfRange('options.fd', '>= 0 && <= 2147483647', fd);
    const { calls } = this.#engine().sockets;
    const kind = new Uint8Array(4);
    if (calls.getsockopt(fd, SOL_SOCKET, SO_TYPE, kind) < 0 || kind[0] !== SOCK_STREAM) throw invalidDescriptorType();
  }

  /** Options that a socket does not have (those of TCP on Unix sockets) are none of Node's errors. */
  #set(settings: SocketSettings): void {
    try {
      this.#stream?.setOptions(settings);
    } catch {
      // As Node has it.
    }
  }

  // Reading

  override _read(size: number): void {
    if (this.connecting || this.#stream === undefined) this.once('connect', () => this._read(size));
    else this.#start();
  }

  override pause(): this {
    if (this.#onread !== undefined && !this.connecting) {
      this.#onread.pause();
      this.#stream?.receiver.stop();
    }
    return super.pause();
  }

  override resume(): this {
    if (this.#onread !== undefined && !this.connecting && this.#stream !== undefined) this.#start();
    return super.resume();
  }

  override read(size?: number): unknown {
    if (this.#onread !== undefined && !this.connecting && this.#stream !== undefined && !this.#stream.receiver.wants)
      this.#start();
    return super.read(size);
  }

  #start(): void {
    const state = this.#onread?.resume() ?? 'reading';
    if (state === 'reading') this.#stream?.receiver.start();
    else if (state === 'ended') this.#pushEnd();
  }

  #onChunk(chunk: Chunk): void {
    // The program's for ever, so it is not the ring's memory.
    const data = chunk.copy();
    chunk.release();
    this.#received += data.length;
    this.#touch();
    this.#run(() => this.#deliver(data));
  }

  #deliver(data: Buffer): void {
    if (this.destroyed) return;
    const wantsMore = this.#onread === undefined ? this.push(data) : this.#onread.deliver(data);
    if (!wantsMore) this.#stream?.receiver.stop();
  }

  #onEnd(error: Error | undefined): void {
    if (this.destroyed) return;
    if (error !== undefined) {
      const { errno } = error as UringError;
      this.destroy(errno === undefined ? error : errnoException(errno, 'read'));
      return;
    }
    if (this.#onread === undefined || this.#onread.end()) this.#pushEnd();
  }

  #pushEnd(): void {
    this.push(null);
    // An end that nobody reads is one all the same.
    this.read(0);
  }

  // Writing

  override _write(chunk: Uint8Array | string, encoding: BufferEncoding, callback: Callback): void {
    this.#writeAll([{ chunk, encoding }], callback);
  }

  override _writev(chunks: Written[], callback: Callback): void {
    this.#writeAll(chunks, callback);
  }

  #writeAll(all: readonly Written[], callback: Callback): void {
    if (this.connecting) {
      this.#pending = all;
      const onClose = () => callback(closedBeforeConnection());
      this.once('connect', () => {
        this.off('close', onClose);
        this.#writeAll(all, callback);
      });
      this.once('close', onClose);
      return;
    }
    this.#pending = [];
    if (this.#stream === undefined) {
      callback(socketClosed());
      return;
    }
    this.#touch();
    const { sender } = this.#stream;
    // Who writes is called back in his own context, which need not be that of the socket.
    const context = new AsyncResource('URINGWRITE');
    all.forEach(({ chunk, encoding }, index) => {
      const data = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
      this.#sent += data.length;
      sender.write(
        data,
        index === all.length - 1 ? (error) => this.#run(() => this.#written(error, callback), context) : undefined,
      );
    });
    this.#lastQueued = sender.queued;
  }

  #written(error: Error | undefined, callback: Callback): void {
    if (error === undefined) {
      this.#touch();
      callback();
    } else {
      const { errno } = error as UringError;
      callback(errno === undefined ? error : errnoException(errno, 'write'));
    }
  }

  override _final(callback: Callback): void {
    if (this.connecting) {
      this.once('connect', () => this._final(callback));
      return;
    }
    if (this.#stream === undefined) {
      callback();
      return;
    }
    // A peer that is gone has no need to hear of the end.
    const done = () => this.#run(() => callback());
    const stream = this.#stream;
    // libuv does it in the loop's next iteration.
    timers.setImmediate(() => stream.shutdown().then(done, done));
  }

  /** Ends, and destroys it when everything is written. See `socket.destroySoon()` of Node's documentation. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }

  /** Closes the connection with a reset. */
  resetAndDestroy(): this {
    if (this.connecting) this.once('connect', () => this.#reset());
    else if (this.#stream === undefined) this.destroy(socketClosed());
    else this.#reset();
    return this;
  }

  #reset(): void {
    this.#resets = true;
    this.destroy();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.connecting = false;
    for (let one: Socket | null = this; one !== null; one = one._parent) timers.clearTimeout(one.#timer);
    const stream = this.#stream;
    const attempted = this.#attempted;
    this.#attempts?.cancel();
    this.#attempts = undefined;
    this.#stream = undefined;
    callback(error);
    if (stream !== undefined) {
      if (this.#resets) stream.setOptions({ linger: 0 });
      // Node has given the kernel what it takes when `write` returns.
      const closed = stream.close(error ?? CLOSED, !this.#resets);
      this.#resets = false;
      void closed.then(() => this.#emitClose(error !== null));
    } else if (attempted !== undefined) {
      void attempted.then(() => this.#emitClose(error !== null));
    } else {
      timers.nextTick(() => this.emit('close'));
    }
    this.#attempted = undefined;
    if (this._server !== null) {
      this._server._connections--;
      this._server._emitCloseIfDrained();
    }
  }

  #emitClose(hadError: boolean): void {
    // After the event of the error, and not in the midst of a promise.
    timers.nextTick(() => this.#run(() => this.emit('close', hadError)));
  }

  // Settings

  /**
   * Emits `'timeout'` after so many milliseconds without anything sent or received; 0 for never.
   *
   * @throws TypeError, RangeError.
   */
  setTimeout(milliseconds: number, callback?: () => void): this {
    if (this.destroyed) return this;
    if (typeof milliseconds !== 'number') throw invalidArgType('msecs', 'of type number', milliseconds);
    if (!(milliseconds >= 0 && Number.isFinite(milliseconds)))
      throw outOfRange('msecs', 'a non-negative finite number', milliseconds);
    if (callback !== undefined && typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback);
    this.timeout = milliseconds;
    timers.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (milliseconds === 0) {
      if (callback !== undefined) this.removeListener('timeout', callback);
      return this;
    }
    this.#timer = timers.setTimeout(() => this._onTimeout(), Math.min(milliseconds, MOST_TIMEOUT)).unref();
    if (callback !== undefined) this.once('timeout', callback);
    return this;
  }

  /** @internal */
  _onTimeout(): void {
    const queued = this.#stream?.sender.queued ?? 0;
    if (queued > 0 && queued !== this.#lastQueued) {
      // It is slow, but it goes on.
      this.#lastQueued = queued;
      this.#touch();
      return;
    }
    this.emit('timeout');
  }

  /** Something has happened: timeouts begin anew. */
  #touch(): void {
    for (let one: Socket | null = this; one !== null; one = one._parent) one.#timer?.refresh();
  }

  /** TCP_NODELAY. */
  setNoDelay(enable = true): this {
    const noDelay = Boolean(enable);
    if (this.#stream !== undefined && noDelay !== this.#settings.noDelay) this.#set({ noDelay });
    this.#settings.noDelay = noDelay;
    return this;
  }

  /** SO_KEEPALIVE. @param initialDelay milliseconds. */
  setKeepAlive(enable = false, initialDelay = 0): this {
    const keepAlive = Boolean(enable);
    const keepAliveIdle = Math.trunc(initialDelay / 1000);
    const before = this.#settings;
    if (this.#stream !== undefined && (keepAlive !== before.keepAlive || (keepAlive && keepAliveIdle !== before.keepAliveIdle))) {
      this.#set({ keepAlive, ...(keepAlive && keepAliveIdle > 0 ? { keepAliveIdle } : {}) });
    }
    this.#settings = { ...before, keepAlive, keepAliveIdle };
    return this;
  }

  /** Keeps the process alive while it is open, as it does from the start. */
  ref(): this {
    this.#referenced = true;
    this.#stream?.reference(true);
    return this;
  }

  /** Lets the process end although it is open. */
  unref(): this {
    this.#referenced = false;
    this.#stream?.reference(false);
    return this;
  }

  #abortWith(signal: AbortSignal): void {
    if (!(signal instanceof AbortSignal)) throw invalidArgType('options.signal', 'an instance of AbortSignal', signal);
    const onAbort = () => this.destroy(new AbortError(signal.reason));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    this.once('close', () => signal.removeEventListener('abort', onAbort));
  }

  /** Calls what the program listens with, in its asynchronous context. What it throws is nobody's here: it must not stop the engine. */
  #run(callback: () => void, context = this.#context as AsyncResource): void {
    try {
      context.runInAsyncScope(callback);
    } catch (error) {
      timers.nextTick(() => {
        throw error;
      });
    }
  }
}

/** Whether the module has fallen back. What fails otherwise, fails when the engine is needed. */
function usesNode(given: Uring | undefined): boolean {
  try {
    return ring(given) === undefined;
  } catch {
    return false;
  }
}

/** After the peer's end, of a Socket that is not to be half open: says so, instead of "write after end". */
function onReadableEnd(this: Socket): void {
  if (this.allowHalfOpen) return;
  this.write = writeAfterEnd;
}

function writeAfterEnd(this: Socket, chunk: unknown, encoding?: BufferEncoding | Callback, callback?: Callback): boolean {
  if (!this.writableEnded) return Duplex.prototype.write.call(this, chunk, encoding as BufferEncoding, callback);
  const told = typeof encoding === 'function' ? encoding : callback;
  const error = Object.assign(new Error('This socket has been ended by the other party'), { code: 'EPIPE' });
  if (typeof told === 'function') timers.nextTick(told, error);
  this.destroy(error);
  return false;
}

function infoOf(address: SocketAddress | undefined): Partial<net.AddressInfo> {
  if (address === undefined || address.family === 'unix') return {};
  return { address: address.address, family: address.family, port: address.port };
}

/** `(options)`, `(port[, host])` or `(path)`, each with a listener or without. */
export function normalizeArgs(args: readonly unknown[]): [net.SocketConnectOpts, (() => void) | undefined] {
  const last = args[args.length - 1];
  const listener = typeof last === 'function' ? (last as () => void) : undefined;
  const [first, second] = args;
  let options: object = {};
  if (typeof first === 'object' && first !== null) options = first;
  else if (typeof first === 'string' && !(Number(first) >= 0)) options = { path: first };
  else if (first !== undefined && typeof first !== 'function')
    options = { port: first, ...(typeof second === 'string' ? { host: second } : {}) };
  return [options as net.SocketConnectOpts, listener];
}
