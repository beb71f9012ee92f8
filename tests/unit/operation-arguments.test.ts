/** Arguments of operations: each option has one check, whichever operation takes it. */

import { describe, expect, test } from '@jest/globals';
import { op } from '../../src/engine/index.js';

const memory = new Uint8Array(8);
const any = (value: unknown) => value as never;

/** How an operation is made with options, by the options that it takes. */
const operations: readonly (readonly [name: string, make: (options: never) => unknown, options: readonly string[]])[] = [
  ['read', (options) => op.read(0, memory, options), ['offset', 'flags']],
  ['write', (options) => op.write(0, memory, options), ['offset', 'flags']],
  ['readv', (options) => op.readv(0, [memory], options), ['offset', 'flags']],
  ['writev', (options) => op.writev(0, [memory], options), ['offset', 'flags']],
  ['fsync', (options) => op.fsync(0, options), ['datasync']],
  ['splice', (options) => op.splice(0, 1, 8, options), ['offsetIn', 'offsetOut', 'flags']],
  ['openat', (options) => op.openat('file', options), ['directory', 'flags', 'mode', 'slot']],
  ['openat2', (options) => op.openat2('file', options), ['directory', 'flags', 'mode', 'slot', 'resolve']],
  ['statx', (options) => op.statx('file', options), ['directory', 'noFollow', 'bigint']],
  ['mkdirat', (options) => op.mkdirat('file', 0o777, options), ['directory']],
  ['unlinkat', (options) => op.unlinkat('file', options), ['directory', 'removeDirectory']],
  ['renameat', (options) => op.renameat('file', 'other', options), ['directory', 'newDirectory', 'flags']],
  ['linkat', (options) => op.linkat('file', 'other', options), ['directory', 'newDirectory', 'flags']],
  ['symlinkat', (options) => op.symlinkat('file', 'other', options), ['directory']],
  ['getxattr', (options) => op.getxattr('file', 'user.name', options), ['size']],
  ['setxattr', (options) => op.setxattr('file', 'user.name', 'value', options), ['flags']],
  ['socket', (options) => op.socket('IPv4', options), ['type', 'protocol', 'slot']],
  ['accept', (options) => op.accept(0, options), ['slot']],
  ['send', (options) => op.send(0, memory, options), ['flags', 'address']],
  ['sendZc', (options) => op.sendZc(0, memory, options), ['flags', 'address']],
  ['recv', (options) => op.recv(0, memory, options), ['flags']],
  ['sendmsg', (options) => op.sendmsg(0, [memory], options), ['flags', 'address']],
  ['recvmsg', (options) => op.recvmsg(0, [memory], options), ['flags']],
];

describe('arguments of operations', () => {
  const cases = operations.flatMap(([name, make, options]) => options.map((option) => [name, option, make] as const));

  test.each(cases)('%s refuses what is no %s, by the name that the caller knows', (_name, option, make) => {
    for (const value of [1.5, 'no such word', -2, Number.NaN, {}, 2n ** 65n, null]) {
      let error: unknown;
      try {
        make(any({ [option]: value }));
      } catch (caught) {
        error = caught;
      }
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_(INVALID_ARG_(TYPE|VALUE)|OUT_OF_RANGE)$/) });
      // An address has parts of its own.
      if (option !== 'address') expect((error as Error).message).toContain(`options.${option}`);
    }
    expect(() => make(any({ [option]: undefined }))).not.toThrow();
  });

  test('operations refuse parameters by the names that the caller knows', () => {
    const wrong: [string, () => unknown][] = [
      ['pid', () => op.waitid(1.5)],
      ['flags', () => op.waitid(1, any('WEXITED'))],
      ['flags', () => op.pipe(any('w'))],
      ['mode', () => op.mkdirat('file', any('755'))],
      ['backlog', () => op.listen(0, -1)],
      ['level', () => op.getSocketOption(0, any('SOL_SOCKET'), 1)],
      ['option', () => op.setSocketOption(0, 1, 1.5, 1)],
      ['epoll', () => op.epollCtl(any('x'), 'add', 1)],
      ['fd', () => op.epollCtl(1, 'add', -1)],
      ['data', () => op.epollCtl(1, 'add', 1, 1, any('x'))],
      ['result', () => op.msgRing(1, 1, 2 ** 40)],
      ['target', () => op.statx(any({}))],
    ];
    for (const [name, call] of wrong) expect(call).toThrow(new RegExp(`'${name}'|"${name}"`));
  });

  test('flags to open with can be a string as Node takes it', () => {
    for (const flags of ['r', 'r+', 'w', 'wx+', 'as', 'sr+']) expect(() => op.openat('file', { flags })).not.toThrow();
    expect(() => op.openat('file', { flags: 'rw' })).toThrow(/options\.flags/);
    expect(() => op.read(0, memory, any({ flags: 'r' }))).toThrow(/options\.flags/);
  });
});
