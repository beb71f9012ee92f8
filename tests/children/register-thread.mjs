/** A thread of `register.mjs`: says which modules are registered there. */

import { parentPort } from 'node:worker_threads';
import { status } from 'uring/register/api';

parentPort.postMessage(status().modules);
