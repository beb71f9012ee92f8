/**
 * Node's own modules, by names that are not replaced: check-types.mjs leaves this file as it is.
 */

export { default as ownHttp } from 'node:http';
export { default as ownHttps } from 'node:https';
export { default as ownNet } from 'node:net';
