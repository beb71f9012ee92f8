/**
 * An example for each operation: the operations reference (docs/operations.md) is made of them, and
 * CI runs them.
 *
 * `uring` is an engine (`Uring.open()`), `path` a file of the text "hello, ring", `fd` its
 * descriptor, `directory` where it lies, `server` and `client` both ends of a TCP connection
 * (descriptors), and `address` the address of a listening socket. Where the engine has no method
 * of its own, `ring` is a `Ring`, and `run(fill)` fills an SQE, submits it, and returns the result
 * of its CQE.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { constants, op, PollEvent } from 'uring';
import * as low from 'uring/ring';

const { EPOLLIN, RENAME_EXCHANGE, RESOLVE_BENEATH, SO_TYPE, SOL_SOCKET } = constants;

export const operations = {
  async NOP({ uring }) {
    await uring.nop();
  },
  async READV({ uring, fd }) {
    const parts = [Buffer.alloc(5), Buffer.alloc(2), Buffer.alloc(4)];
    assert.equal(await uring.readv(fd, parts, { offset: 0 }), 11);
    assert.equal(String(parts[2]), 'ring');
  },
  async WRITEV({ uring, fd }) {
    await uring.writev(fd, [Buffer.from('HELLO'), Buffer.from(', ring')], { offset: 0 });
  },
  async FSYNC({ uring, fd }) {
    await uring.fsync(fd, { datasync: true });
  },
  async READ_FIXED({ uring, fd }) {
    // Of registered memory: the engine's own buffers.
    const buffer = uring.buffers.allocate(4096);
    assert.equal(await uring.read(fd, buffer.bytes, { offset: 0 }), 11);
    buffer.release();
  },
  async WRITE_FIXED({ uring, fd }) {
    const buffer = uring.buffers.allocate(4096);
    await uring.write(fd, buffer.bytes.subarray(0, 11), { offset: 0 });
    buffer.release();
  },
  async POLL_ADD({ uring, server, client }) {
    await uring.send(client, Buffer.from('.'));
    assert.ok((await uring.poll(server, PollEvent.IN)) & PollEvent.IN);
  },
  async POLL_REMOVE({ ring, run, server }) {
    low.prepPollAdd(ring.getSqe(), server, PollEvent.PRI);
    ring.peekCqe();
    assert.equal(await run((sqe) => low.prepPollRemove(sqe, 4711)), -low.Errno.ENOENT);
  },
  async SYNC_FILE_RANGE({ uring, fd }) {
    await uring.syncFileRange(fd, 0, 4096, constants.SYNC_FILE_RANGE_WRITE);
  },
  async SENDMSG({ uring, client }) {
    assert.equal(await uring.sendmsg(client, [Buffer.from('head'), Buffer.from('body')]), 8);
  },
  async RECVMSG({ uring, server, client }) {
    await uring.send(client, Buffer.from('hello'));
    const { bytes } = await uring.recvmsg(server, [Buffer.alloc(3), Buffer.alloc(8)]);
    assert.equal(bytes, 5);
  },
  async TIMEOUT({ uring }) {
    await uring.timeout(0.5);
  },
  async TIMEOUT_REMOVE({ run }) {
    assert.equal(await run((sqe) => low.prepTimeoutRemove(sqe, 4711)), -low.Errno.ENOENT);
  },
  async ACCEPT({ uring, listening, address }) {
    const connecting = await uring.socket(address.family);
    const [{ fd: accepted }] = await Promise.all([uring.accept(listening), uring.connect(connecting, address)]);
    await Promise.all([uring.closeFile(accepted), uring.closeFile(connecting)]);
  },
  async ASYNC_CANCEL({ uring, server }) {
    const reading = uring.recv(server, Buffer.alloc(8), { signal: AbortSignal.timeout(1) });
    await assert.rejects(reading, { name: 'AbortError' });
  },
  async LINK_TIMEOUT({ uring, server }) {
    await assert.rejects(uring.recv(server, Buffer.alloc(8), { timeoutMs: 1 }), { name: 'AbortError' });
  },
  async CONNECT({ uring, listening, address }) {
    const socket = await uring.socket(address.family);
    await uring.connect(socket, address);
    const { fd } = await uring.accept(listening);
    await Promise.all([uring.closeFile(fd), uring.closeFile(socket)]);
  },
  async FALLOCATE({ uring, fd }) {
    await uring.fallocate(fd, 0, 1 << 20, constants.FALLOC_FL_KEEP_SIZE);
  },
  async OPENAT({ uring, directory }) {
    const fd = await uring.openat('new', { directory: directory.fd, flags: 'w+', mode: 0o600 });
    await uring.closeFile(fd);
  },
  async CLOSE({ uring, path }) {
    await uring.closeFile(await uring.openat(path));
  },
  async FILES_UPDATE({ ring, run, fd }) {
    ring.files.registerSparse(8);
    const fds = Int32Array.of(fd);
    assert.equal(await run((sqe) => low.prepFilesUpdate(sqe, ring.pin(fds), 1, 3)), 1);
  },
  async STATX({ uring, path }) {
    const { size, mtimeMs } = await uring.statx(path);
    assert.ok(size === 11 && mtimeMs > 0);
  },
  async READ({ uring, fd }) {
    const buffer = Buffer.alloc(5);
    await uring.read(fd, buffer, { offset: 0 });
    assert.equal(String(buffer).toLowerCase(), 'hello');
  },
  async WRITE({ uring, fd }) {
    assert.equal(await uring.write(fd, Buffer.from('hello'), { offset: 0 }), 5);
  },
  async FADVISE({ uring, fd }) {
    await uring.fadvise(fd, 0, 0, constants.POSIX_FADV_SEQUENTIAL);
  },
  async MADVISE({ ring, run }) {
    const page = new Uint8Array(new SharedArrayBuffer(8192));
    const address = Math.ceil(ring.pin(page) / 4096) * 4096;
    assert.equal(await run((sqe) => low.prepMadvise(sqe, address, 4096, constants.MADV_WILLNEED)), 0);
  },
  async SEND({ uring, client }) {
    assert.equal(await uring.send(client, Buffer.from('hello')), 5);
  },
  async RECV({ uring, server, client }) {
    await uring.send(client, Buffer.from('hello'));
    assert.equal(await uring.recv(server, Buffer.alloc(64)), 5);
  },
  async OPENAT2({ uring, directory }) {
    const inside = { directory: directory.fd, resolve: RESOLVE_BENEATH };
    await assert.rejects(uring.openat2('../etc/passwd', inside), { code: 'EXDEV' });
  },
  async EPOLL_CTL({ uring, epoll, server }) {
    await uring.epollCtl(epoll, 'add', server, EPOLLIN);
    await uring.epollCtl(epoll, 'remove', server);
  },
  async SPLICE({ uring, fd, pipe }) {
    assert.equal(await uring.splice(fd, pipe.writer, 11, { offsetIn: 0 }), 11);
  },
  async PROVIDE_BUFFERS({ ring, run }) {
    const memory = Buffer.alloc(4 * 1024);
    assert.equal(await run((sqe) => low.prepProvideBuffers(sqe, ring.pin(memory), 1024, 4, 7, 0)), 0);
  },
  async REMOVE_BUFFERS({ ring, run }) {
    const memory = Buffer.alloc(4 * 1024);
    await run((sqe) => low.prepProvideBuffers(sqe, ring.pin(memory), 1024, 4, 8, 0));
    assert.equal(await run((sqe) => low.prepRemoveBuffers(sqe, 4, 8)), 4);
  },
  async TEE({ uring, pipe }) {
    const other = await uring.pipe();
    await uring.write(pipe.writer, Buffer.from('twice'));
    assert.equal(await uring.tee(pipe.reader, other.writer, 5), 5);
    await Promise.all([uring.closeFile(other.reader), uring.closeFile(other.writer)]);
  },
  async SHUTDOWN({ uring, server, client }) {
    await uring.shutdown(client, 'write');
    assert.equal(await uring.recv(server, Buffer.alloc(8)), 0);
  },
  async RENAMEAT({ uring, directory }) {
    const [one, other] = [`${directory.path}/one`, `${directory.path}/other`];
    for (const name of [one, other]) await uring.closeFile(await uring.openat(name, { flags: 'w' }));
    await uring.renameat(one, other, { flags: RENAME_EXCHANGE });
  },
  async UNLINKAT({ uring, directory }) {
    await uring.mkdirat(`${directory.path}/empty`);
    await uring.unlinkat(`${directory.path}/empty`, { removeDirectory: true });
  },
  async MKDIRAT({ uring, directory }) {
    await uring.mkdirat('folder', 0o700, { directory: directory.fd });
  },
  async SYMLINKAT({ uring, directory, path }) {
    await uring.symlinkat(path, `${directory.path}/link`);
  },
  async LINKAT({ uring, directory, path }) {
    await uring.linkat(path, `${directory.path}/second-name`);
  },
  async MSG_RING({ uring }) {
    const mailbox = uring.mailbox();
    await uring.message(mailbox.address, 42);
    assert.equal((await mailbox.next()).value, 42);
    await mailbox.return();
  },
  async FSETXATTR({ uring, fd }) {
    await uring.setxattr(fd, 'user.origin', Buffer.from('example'));
  },
  async SETXATTR({ uring, path }) {
    await uring.setxattr(path, 'user.origin', Buffer.from('example'));
  },
  async FGETXATTR({ uring, fd }) {
    await uring.setxattr(fd, 'user.origin', Buffer.from('example'));
    assert.equal(String(Buffer.from(await uring.getxattr(fd, 'user.origin'))), 'example');
  },
  async GETXATTR({ uring, path }) {
    await uring.setxattr(path, 'user.origin', Buffer.from('example'));
    assert.equal(String(Buffer.from(await uring.getxattr(path, 'user.origin'))), 'example');
  },
  async SOCKET({ uring }) {
    const socket = await uring.socket('IPv4', { type: 'datagram' });
    await uring.closeFile(socket);
  },
  async URING_CMD({ uring, server }) {
    const value = await uring.getSocketOption(server, SOL_SOCKET, SO_TYPE);
    assert.equal(Buffer.from(value).readInt32LE(), constants.SOCK_STREAM);
  },
  async SEND_ZC({ uring, client }) {
    // Resolves when the kernel no longer needs the memory.
    assert.equal(await uring.sendZc(client, Buffer.alloc(65536)), 65536);
  },
  async SENDMSG_ZC({ uring, client }) {
    assert.equal(await uring.sendmsgZc(client, [Buffer.alloc(4096), Buffer.alloc(4096)]), 8192);
  },
  async READ_MULTISHOT({ uring, pipe }) {
    await uring.write(pipe.writer, Buffer.from('piece'));
    for await (const piece of uring.readMany(pipe.reader)) {
      assert.equal(piece.toString(), 'piece');
      break;
    }
  },
  async WAITID({ uring }) {
    const { pid } = spawn(process.execPath, ['-e', 'process.exit(3)']);
    const { status } = await uring.waitid(pid, constants.WEXITED | constants.WNOWAIT);
    assert.equal(status, 3);
  },
  async FUTEX_WAIT({ uring }) {
    const words = new Int32Array(new SharedArrayBuffer(4));
    const waiting = uring.futexWait(words, 0, 0);
    // Any thread: the value first, then the wake-up.
    Atomics.store(words, 0, 1);
    await uring.futexWake(words, 0);
    await waiting.catch((error) => assert.equal(error.code, 'EAGAIN'));
  },
  async FUTEX_WAKE({ uring }) {
    const words = new Int32Array(new SharedArrayBuffer(4));
    assert.equal(await uring.futexWake(words, 0, 1), 0);
  },
  async FUTEX_WAITV({ uring }) {
    const words = new Int32Array(new SharedArrayBuffer(8));
    const both = [0, 1].map((index) => ({ words, index, value: 0 }));
    const waiting = uring.futexWaitv(both);
    await uring.timeout(1);
    await uring.futexWake(words, 1);
    assert.equal(await waiting, 1);
  },
  async FIXED_FD_INSTALL({ uring, path }) {
    const slot = uring.files.allocate();
    await uring.openat(path, { slot: slot.slot });
    const fd = await uring.fixedFdInstall(slot);
    await uring.closeFile(fd);
    await uring.closeFile(slot);
  },
  async FTRUNCATE({ uring, directory }) {
    const fd = await uring.openat(`${directory.path}/long`, { flags: 'w' });
    await uring.ftruncate(fd, 1 << 20);
    await uring.closeFile(fd);
  },
  async BIND({ uring }) {
    const socket = await uring.socket('IPv4');
    await uring.bind(socket, { family: 'IPv4', address: '127.0.0.1', port: 0 });
    await uring.closeFile(socket);
  },
  async LISTEN({ uring }) {
    const socket = await uring.socket('IPv4');
    await uring.listen(socket, 128);
    await uring.closeFile(socket);
  },
  /** Needs a network card that supports it. */
  async RECV_ZC({ run, server }) {
    assert.ok((await run((sqe) => low.prepRecvZc(sqe, server, 65536, 0))) < 0);
  },
  async EPOLL_WAIT({ uring, epoll, server, client }) {
    await uring.epollCtl(epoll, 'add', server, EPOLLIN);
    await uring.send(client, Buffer.from('.'));
    const [event] = await uring.epollWait(epoll, 16);
    assert.equal(event.events, EPOLLIN);
  },
  async READV_FIXED({ ring, run, fd }) {
    const memory = Buffer.alloc(4096);
    ring.buffers.register([memory]);
    // struct iovec: an address and a length.
    const [start, vector] = [BigInt(ring.pin(memory)), BigUint64Array.of(0n, 5n, 5n, 6n)];
    for (const index of [0, 2]) vector[index] += start;
    assert.equal(await run((sqe) => low.prepReadvFixed(sqe, fd, ring.pin(vector), 2, 0, 0)), 11);
  },
  async WRITEV_FIXED({ ring, run, fd }) {
    const memory = Buffer.from('hello, ring');
    ring.buffers.register([memory]);
    const [start, vector] = [BigInt(ring.pin(memory)), BigUint64Array.of(0n, 5n, 5n, 6n)];
    for (const index of [0, 2]) vector[index] += start;
    assert.equal(await run((sqe) => low.prepWritevFixed(sqe, fd, ring.pin(vector), 2, 0, 0)), 11);
  },
  async PIPE({ uring }) {
    const { reader, writer } = await uring.pipe(constants.O_NONBLOCK);
    await Promise.all([uring.closeFile(reader), uring.closeFile(writer)]);
  },
};

/** `op` describes operations without running them, for chains. */
export async function chain({ uring, fd }) {
  const [written, synced] = await uring.link([op.write(fd, Buffer.from('hello'), { offset: 0 }), op.fsync(fd)]);
  assert.deepEqual([written.status, synced.status], ['done', 'done']);
}
