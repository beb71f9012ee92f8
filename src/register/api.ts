/**
 * `uring/register/api`: a program's own hand on what `uring/register` does.
 *
 * @example
 * ```ts
 * import { register, status, unregister } from 'uring/register/api';
 *
 * register({ modules: ['fs', 'net'] });
 * console.log(status().modules.fs); // 'io_uring'
 * unregister();
 * ```
 *
 * @module uring/register/api
 */

export {
  type CallCounts,
  type ModuleName,
  type RegisterOptions,
  type RegisterStatus,
  register,
  status,
  unregister,
} from './registration.js';
