/** Compiled, never run: the drop-ins have what `types/modules.d.ts` says of them. */

import type * as declaredPromises from 'node:fs/promises';
import * as fs from '../../src/fs/index.js';
import * as promises from '../../src/fs/promises.js';
import * as http from '../../src/http/index.js';
import * as https from '../../src/https/index.js';
import * as net from '../../src/net/index.js';

export const modules = [
  fs satisfies typeof import('node:fs'),
  promises satisfies typeof declaredPromises,
  http satisfies Omit<typeof import('node:http'), 'Agent'>,
  https satisfies typeof import('node:https'),
  net satisfies Omit<typeof import('node:net'), 'Server' | 'Socket' | 'createServer'>,
];
