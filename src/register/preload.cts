/**
 * Registers in threads that run a string (`new Worker(code, { eval: true })`): for those Node loads
 * the modules of `--require` only.
 *
 * @module
 */

import register = require('./index.js');

void register;
