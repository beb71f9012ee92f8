/** Node's own module, by a name that is not replaced: check-types.mjs leaves this file as it is. */

export { default as ownDgram } from 'node:dgram';
