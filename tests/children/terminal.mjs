/** Reads and writes a pseudoterminal. Prints JSON. */

import { constants, openSync, readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as fs from 'uring/fs/promises';

const libc = createRequire(import.meta.url)('koffi').load(null);
const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
libc.func('grantpt', 'int', ['int'])(master);
libc.func('unlockpt', 'int', ['int'])(master);
const name = libc.func('ptsname', 'str', ['int'])(master);

const terminal = await fs.open(name, constants.O_RDWR | constants.O_NOCTTY);
const line = terminal.read(Buffer.alloc(100));
await new Promise((resolve) => setTimeout(resolve, 20));
writeSync(master, 'typed\r');
const { bytesRead, buffer } = await line;
const { bytesWritten } = await terminal.write('abc');
readSync(master, Buffer.alloc(100));
await terminal.close();
console.log(JSON.stringify({ line: buffer.toString('utf8', 0, bytesRead).replace('\n', '\r\n'), written: bytesWritten }));
process.exit();
