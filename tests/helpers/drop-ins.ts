/// <reference path="../../types/modules.d.ts" />
/** Compiled, never run: checks that the drop-ins export what `types/modules.d.ts` declares. */

import * as dgram from '../../src/dgram/index.js';
import * as fs from '../../src/fs/index.js';
import * as promises from '../../src/fs/promises.js';
import * as http from '../../src/http/index.js';
import * as https from '../../src/https/index.js';
import * as net from '../../src/net/index.js';

export const modules = [
  dgram satisfies Omit<typeof import('uring/dgram'), 'createSocket' | 'Socket'>,
  fs satisfies typeof import('node:fs'),
  promises satisfies typeof import('uring/fs/promises'),
  http satisfies Omit<typeof import('node:http'), 'Agent'>,
  https satisfies typeof import('node:https'),
  // `overRing` is declared with the engine of the built package, not of the sources.
  net satisfies Omit<typeof import('uring/net'), 'Server' | 'Socket' | 'createServer' | 'overRing'>,
];
