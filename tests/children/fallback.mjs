/** `uring/fs` without io_uring: `node fallback.mjs [environment | configure]`. Prints JSON. */

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createReadStream, createWriteStream } from 'uring/fs';
import * as promises from 'uring/fs/promises';

/** The functions with promises, and the streams. */
const fs = { ...promises, createReadStream, createWriteStream };

const warnings = [];
process.on('warning', (warning) => warnings.push(warning.code));

const directory = mkdtempSync(path.join(os.tmpdir(), 'uring-fallback-'));
const file = path.join(directory, 'file');
try {
  if (process.argv[2] === 'configure') fs.configure({ fallback: true });
  await fs.writeFile(file, 'text');
  const handle = await fs.open(file);
  const content = await handle.readFile('utf8');
  const { size } = await fs.stat(file);
  await handle.close();
  let stream = '';
  for await (const chunk of fs.createReadStream(file)) stream += chunk;
  await new Promise((resolve) => setImmediate(resolve));
  console.log(JSON.stringify({ backend: fs.backend(), content, size, stream, warnings }));
} catch (error) {
  console.log(JSON.stringify({ name: error.name, message: error.message }));
} finally {
  rmSync(directory, { recursive: true });
}
