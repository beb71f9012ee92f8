/**
 * Runs Node, with the arguments given, where all calls of io_uring are refused from the start, as in a
 * container: `node without-io-uring.mjs ARGUMENT...`. In the place of this process: libuv may have a ring
 * of its own here, and aborts when it cannot enter it any more.
 */

import koffi from 'koffi';
import { forbid } from './seccomp.mjs';

const EPERM = 1;
const F_SETFD = 2;
const libc = koffi.load(null);
const fcntl = libc.func('int fcntl(int fd, int command, int argument)');
const execv = libc.func('int execv(const char *path, const char **arguments)');
// Node closes them at execv(3).
for (const fd of [0, 1, 2]) fcntl(fd, F_SETFD, 0);
forbid(['setup', 'enter', 'register'], EPERM);
execv(process.execPath, [process.execPath, ...process.argv.slice(2), null]);
throw new Error('execv failed');
