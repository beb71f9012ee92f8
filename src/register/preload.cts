/**
 * Registers in threads that run a string (`new Worker(code, { eval: true })`): for those Node loads
 * the modules of `--require` only. The options are in the URL of the `--import` flag beside it.
 *
 * @module
 */

import api = require('./api.js');

const flag = process.execArgv.find((each) => each.includes('/register/index.js?'));
const parameters = new URL(flag ?? 'file:///').searchParams;
const modules = parameters.get('modules')?.split(',') as api.ModuleName[] | undefined;
if (process.env.URING_DISABLE !== '1') api.register({ modules, require: parameters.get('require') === '1' });
