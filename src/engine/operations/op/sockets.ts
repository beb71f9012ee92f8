/**
 * Operations on sockets.
 *
 * @module
 */

import { FAMILIES, SOCK_CLOEXEC, SOCKADDR_SIZE, SOCKET_TYPES } from '../../../linux.js';
import {
  prepAccept,
  prepBind,
  prepConnect,
  prepListen,
  prepRecv,
  prepRecvmsg,
  prepSend,
  prepSendmsg,
  prepSendmsgZc,
  prepSendZc,
  prepShutdown,
  prepSocket,
  prepSocketCommand,
} from '../../../ops/index.js';
import { SocketCommand } from '../../../ring/index.js';
import { invalidArgValue } from '../../../validate.js';
import { Msghdr, writeMessageHeader } from '../../memory/message-header.js';
import { decodeAddress, encodeAddress, type SocketAddress } from '../../memory/socket-address.js';
import { checkNetAccess } from '../../permission.js';
import {
  checkArgument,
  checkMemories,
  checkMemory,
  checkRunOptions,
  type DirectSlot,
  type File,
  fdOf,
  type Memory,
  Operation,
  type RunOptions,
  type Scope,
} from './common.js';

/** Options of {@link socket}. */
export interface SocketOptions extends RunOptions {
  /** Default `'stream'`. */
  readonly type?: keyof typeof SOCKET_TYPES | undefined;
  readonly protocol?: number | undefined;
  /** Opens into a slot of the registered files instead. */
  readonly slot?: DirectSlot | undefined;
}

/** Options of operations that send and receive. */
export interface MessageOptions extends RunOptions {
  /** `MSG_*` of send(2) and recv(2). */
  readonly flags?: number | undefined;
}

/** Options of operations that send. */
export interface SendOptions extends MessageOptions {
  /** The destination, for sockets that are not connected. SEND: since 6.0. */
  readonly address?: SocketAddress | undefined;
}

/** Options of {@link accept}. */
export interface AcceptOptions extends RunOptions {
  /** Opens into a slot of the registered files instead. */
  readonly slot?: DirectSlot | undefined;
}

/** An accepted connection. */
export interface Accepted {
  /** Its descriptor, or slot. */
  readonly fd: number;
  /** The peer's address, if it has one. */
  readonly address: SocketAddress | undefined;
}

/** A received message. */
export interface ReceivedMessage {
  /** The number of bytes. */
  readonly bytes: number;
  /** The sender's address, where the protocol reports it. */
  readonly address: SocketAddress | undefined;
  /** `MSG_*`: MSG_TRUNC (0x20) when it was longer than the memory. */
  readonly flags: number;
}

/**
 * Creates a socket. socket(2). Since 5.19.
 *
 * @returns its descriptor; with `slot`, 0 or the selected slot.
 */
export function socket(family: keyof typeof FAMILIES, options: SocketOptions = {}): Operation<number> {
  checkRunOptions(options, 'type', 'protocol', 'slot');
  const { type = 'stream', protocol = 0, slot } = options;
  if (!Object.hasOwn(FAMILIES, family)) throw invalidArgValue('family', family, `must be 'IPv4', 'IPv6' or 'unix'`);
  if (!Object.hasOwn(SOCKET_TYPES, type))
    throw invalidArgValue('options.type', type, `must be 'stream', 'datagram' or 'seqpacket'`);
  const kind = SOCKET_TYPES[type] | (slot === undefined ? SOCK_CLOEXEC : 0);
  return new Operation('SOCKET', options, {
    encode: (sqe) => prepSocket(sqe, FAMILIES[family], kind, protocol, 0, slot),
    decode: (res) => res,
  });
}

/** Assigns an address to a socket. bind(2). Since 6.11. */
export function bind(file: File, address: SocketAddress, options: RunOptions = {}): Operation<void> {
  return withAddress('BIND', prepBind, file, address, options);
}

/** Makes a socket accept connections. listen(2). Since 6.11. */
export function listen(file: File, backlog: number, options: RunOptions = {}): Operation<void> {
  checkRunOptions(options);
  checkArgument('backlog', backlog);
  return new Operation('LISTEN', options, {
    file,
    encode: (sqe) => prepListen(sqe, fdOf(file), backlog),
    decode: () => undefined,
  });
}

/**
 * Connects a socket. connect(2). Since 5.5.
 *
 * @throws UringError ECONNREFUSED, ETIMEDOUT, ENETUNREACH.
 */
export function connect(file: File, address: SocketAddress, options: RunOptions = {}): Operation<void> {
  return withAddress('CONNECT', prepConnect, file, address, options);
}

/** Accepts one connection. accept4(2). Since 5.5. */
export function accept(file: File, options: AcceptOptions = {}): Operation<Accepted> {
  checkRunOptions(options, 'slot');
  const { slot } = options;
  return new Operation('ACCEPT', options, {
    file,
    encode(sqe, scope) {
      // The address, followed by its size.
      const block = scope.block(SOCKADDR_SIZE + 4);
      block.region.data.setUint32(block.offset + SOCKADDR_SIZE, SOCKADDR_SIZE, true);
      const flags = slot === undefined ? SOCK_CLOEXEC : 0;
      prepAccept(sqe, fdOf(file), block.address, block.address + SOCKADDR_SIZE, flags, 0, slot);
    },
    decode(res, scope) {
      const { region, offset } = scope.firstBlock;
      return { fd: res, address: addressAt(scope, 0, region.data.getUint32(offset + SOCKADDR_SIZE, true)) };
    },
  });
}

/**
 * Sends, once: the result can be short on a stream. send(2), sendto(2). Since 5.6.
 *
 * @returns bytes sent.
 */
export function send(file: File, memory: Memory, options: SendOptions = {}): Operation<number> {
  return sendWith('SEND', prepSend, file, memory, options);
}

/**
 * Sends without copying into the kernel. Completes when the kernel no longer needs the memory.
 * `io_uring_prep_send_zc`. Since 6.0.
 *
 * @returns bytes sent.
 */
export function sendZc(file: File, memory: Memory, options: SendOptions = {}): Operation<number> {
  return sendWith('SEND_ZC', prepSendZc, file, memory, options);
}

/** Receives, once. recv(2). Since 5.6. @returns bytes received; 0 when the peer has ended. */
export function recv(file: File, memory: Memory, options: MessageOptions = {}): Operation<number> {
  checkRunOptions(options, 'flags');
  const view = checkMemory('memory', memory);
  return new Operation('RECV', options, {
    file,
    encode: (sqe, scope) => prepRecv(sqe, fdOf(file), scope.output(view), view.length, options.flags ?? 0),
    decode(res, scope) {
      scope.collect(res);
      return res;
    },
  });
}

/** Sends several pieces of memory as one message. sendmsg(2). Since 5.3. @returns bytes sent. */
export function sendmsg(file: File, memories: readonly Memory[], options: SendOptions = {}): Operation<number> {
  return sendMessageWith('SENDMSG', prepSendmsg, file, memories, options);
}

/** Sends like {@link sendmsg}, but without copying, like {@link sendZc}. Since 6.1. */
export function sendmsgZc(file: File, memories: readonly Memory[], options: SendOptions = {}): Operation<number> {
  return sendMessageWith('SENDMSG_ZC', prepSendmsgZc, file, memories, options);
}

/** Receives one message and its sender's address. recvmsg(2). Since 5.3. */
export function recvmsg(file: File, memories: readonly Memory[], options: MessageOptions = {}): Operation<ReceivedMessage> {
  checkRunOptions(options, 'flags');
  const views = checkMemories('memories', memories);
  return new Operation('RECVMSG', options, {
    file,
    encode: (sqe, scope) => prepRecvmsg(sqe, fdOf(file), message(scope, views, 'output', undefined), options.flags ?? 0),
    decode(res, scope) {
      scope.collect(res);
      const { region, offset } = scope.firstBlock;
      const length = region.data.getUint32(offset + Msghdr.NAMELEN, true);
      return {
        bytes: res,
        address: addressAt(scope, Msghdr.SIZE, length),
        flags: region.data.getUint32(offset + Msghdr.FLAGS, true),
      };
    },
  });
}

/** Shuts down one or both directions of a connection. shutdown(2). Since 5.11. */
export function shutdown(file: File, how: 'read' | 'write' | 'both', options: RunOptions = {}): Operation<void> {
  checkRunOptions(options);
  const number = ['read', 'write', 'both'].indexOf(how);
  if (number < 0) throw invalidArgValue('how', how, `must be 'read', 'write' or 'both'`);
  return new Operation('SHUTDOWN', options, {
    file,
    encode: (sqe) => prepShutdown(sqe, fdOf(file), number),
    decode: () => undefined,
  });
}

/**
 * Reads a socket option. getsockopt(2), for the level SOL_SOCKET. Since 6.7.
 *
 * @returns its value.
 */
export function getSocketOption(
  file: File,
  level: number,
  option: number,
  size = 4,
  options: RunOptions = {},
): Operation<Uint8Array> {
  checkRunOptions(options);
  checkArgument('level', level);
  checkArgument('option', option);
  checkArgument('size', size);
  return new Operation('URING_CMD', options, {
    file,
    encode(sqe, scope) {
      prepSocketCommand(sqe, SocketCommand.GETSOCKOPT, fdOf(file), level, option, scope.block(size).address, size);
    },
    decode: (res, scope) => Uint8Array.from(scope.firstBlock.plain(0, res)),
  });
}

/** Sets a socket option. setsockopt(2). Since 6.7. @param value an int, or bytes. */
export function setSocketOption(
  file: File,
  level: number,
  option: number,
  value: number | Memory,
  options: RunOptions = {},
): Operation<void> {
  checkRunOptions(options);
  checkArgument('level', level);
  checkArgument('option', option);
  const bytes = typeof value === 'number' ? new Uint8Array(Int32Array.of(value).buffer) : checkMemory('value', value);
  return new Operation('URING_CMD', options, {
    file,
    encode(sqe, scope) {
      prepSocketCommand(sqe, SocketCommand.SETSOCKOPT, fdOf(file), level, option, scope.input(bytes), bytes.length);
    },
    decode: () => undefined,
  });
}

function withAddress(
  name: 'BIND' | 'CONNECT',
  prepare: typeof prepBind,
  file: File,
  address: SocketAddress,
  options: RunOptions,
): Operation<void> {
  checkRunOptions(options);
  checkNetAccess();
  const bytes = encodeAddress(address);
  return new Operation(name, options, {
    file,
    address,
    encode: (sqe, scope) => prepare(sqe, fdOf(file), scope.input(bytes), bytes.length),
    decode: () => undefined,
  });
}

function sendWith(
  name: 'SEND' | 'SEND_ZC',
  prepare: typeof prepSend | typeof prepSendZc,
  file: File,
  memory: Memory,
  options: SendOptions,
): Operation<number> {
  checkRunOptions(options, 'flags', 'address');
  const view = checkMemory('memory', memory);
  const { flags = 0, address } = options;
  const target = address === undefined ? undefined : encodeAddress(address);
  return new Operation(name, options, {
    file,
    address,
    encode(sqe, scope) {
      const source = scope.input(view);
      prepare(sqe, fdOf(file), source, view.length, flags, 0, target ? scope.input(target) : 0, target?.length ?? 0);
    },
    decode: (res) => res,
  });
}

function sendMessageWith(
  name: 'SENDMSG' | 'SENDMSG_ZC',
  prepare: typeof prepSendmsg,
  file: File,
  memories: readonly Memory[],
  options: SendOptions,
): Operation<number> {
  checkRunOptions(options, 'flags', 'address');
  const views = checkMemories('memories', memories);
  const { flags = 0, address } = options;
  const target = address === undefined ? undefined : encodeAddress(address);
  return new Operation(name, options, {
    file,
    address,
    encode: (sqe, scope) => prepare(sqe, fdOf(file), message(scope, views, 'input', target), flags),
    decode: (res) => res,
  });
}

/** Writes a `struct msghdr`, followed by room for an address. @returns its address. */
function message(
  scope: Scope,
  views: readonly Uint8Array[],
  direction: 'input' | 'output',
  target: Uint8Array | undefined,
): number {
  const block = scope.block(Msghdr.SIZE + SOCKADDR_SIZE);
  const hasName = direction === 'output' || target !== undefined;
  if (target !== undefined) block.plain(Msghdr.SIZE, target.length).set(target);
  writeMessageHeader(block, {
    name: hasName ? { address: block.address + Msghdr.SIZE, length: target?.length ?? SOCKADDR_SIZE } : undefined,
    vector: { address: scope.iovecs(views, direction), length: views.length },
  });
  return block.address;
}

function addressAt(scope: Scope, start: number, length: number): SocketAddress | undefined {
  const { region, offset } = scope.firstBlock;
  return decodeAddress(new DataView(region.memory, offset + start, SOCKADDR_SIZE) as DataView, length);
}
