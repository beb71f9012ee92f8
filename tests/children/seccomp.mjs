/** Filters of system calls, as a container has them. */

import koffi from 'koffi';

const libc = koffi.load(null);

const CALLS = { setup: 425, enter: 426, register: 427 };

/**
 * Uses seccomp(2) to make calls fail with an errno on this thread from now on, like the profile of
 * a container.
 */
export function forbid(calls, errno) {
  const [PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER] = [22, 38, 2];
  const [LOAD_NUMBER, JUMP_IF_EQUAL, RETURN] = [0x20, 0x15, 0x06];
  const [ALLOW, ERRNO] = [0x7fff_0000, 0x0005_0000];
  const instructions = [
    [LOAD_NUMBER, 0, 0, 0],
    ...calls.map((call, index) => [JUMP_IF_EQUAL, calls.length - index, 0, CALLS[call]]),
    [RETURN, 0, 0, ALLOW],
    [RETURN, 0, 0, ERRNO | errno],
  ];
  const filter = Buffer.alloc(8 * instructions.length);
  instructions.forEach(([code, yes, no, value], index) => {
    filter.writeUInt16LE(code, 8 * index);
    filter.writeUInt8(yes, 8 * index + 2);
    filter.writeUInt8(no, 8 * index + 3);
    filter.writeUInt32LE(value, 8 * index + 4);
  });
  koffi.struct('sock_fprog', { len: 'uint16_t', filter: 'void *' });
  const prctl = libc.func('prctl', 'int', ['int', 'ulong', 'ulong', 'ulong', 'ulong']);
  const install = libc.func('prctl', 'int', ['int', 'ulong', 'sock_fprog *', 'ulong', 'ulong']);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error('PR_SET_NO_NEW_PRIVS failed');
  if (install(PR_SET_SECCOMP, MODE_FILTER, { len: instructions.length, filter }, 0, 0) !== 0) {
    throw new Error('PR_SET_SECCOMP failed');
  }
}
