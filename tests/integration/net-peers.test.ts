/**
 * Programs on `uring/net`: Node's own protocols, frameworks, clients, and unusual uses. Each runs
 * in a separate process.
 */

import { expect, test } from '@jest/globals';
import { runChild } from '../helpers/child.js';

const seen = (name: string) => runChild<unknown>('net.mjs', [name]);

test('an error thrown by a listener is an uncaught exception, and everything else continues', async () => {
  const { caught, answer } = (await seen('throws')) as { caught: string[]; answer: string };
  expect(answer).toBe('answer');
  expect(caught.sort()).toEqual(['in a callback', 'in a listener', 'in the first connection']);
});

test('unreferenced sockets and servers let the process exit', async () => {
  expect(await seen('unref')).toEqual({ ends: true });
  expect(await seen('unref of connections')).toEqual({ ends: true });
  expect(await seen('ref again')).toEqual({ text: 'late' });
});

test('node:http works as server and as client', async () => {
  expect(await seen('http')).toEqual({
    answers: [['POST /p one'.length, false], ['POST /p '.length + 200_000, true], 'GET /fetch '],
  });
});

test('node:https and node:tls work', async () => {
  expect(await seen('https')).toEqual({ answer: 'secure /a', other: 'secure /b', authorized: true });
});

test('node:http2 works', async () => {
  expect(await seen('http2')).toEqual({ answers: ['h2 /1', 'h2 /2', 'h2 /3'] });
});

test('Express works', async () => {
  expect(await seen('express')).toEqual({ name: 'x', body: { a: 1 }, ip: '127.0.0.1' });
});

test('Fastify works', async () => {
  expect(await seen('fastify')).toEqual({ name: 'y', ip: '127.0.0.1' });
});

test('undici works', async () => {
  expect(await seen('undici')).toEqual({ answers: ['undici /1', 'undici /2'] });
});

test('ws works', async () => {
  expect(await seen('ws')).toEqual({ text: 'text', binary: 300_000 });
});

test('without io_uring, each entry point reports the reason', async () => {
  expect(await runChild('net.mjs', ['unavailable'], [], { URING_DISABLE: '1' })).toEqual([
    'ERR_URING_UNAVAILABLE',
    'ERR_URING_UNAVAILABLE',
    'ERR_INVALID_ARG_TYPE',
    'ERR_INVALID_ARG_VALUE',
    'ERR_URING_UNAVAILABLE',
  ]);
});

test.each(['environment', 'configure'])('without io_uring, a requested fallback (%s) uses Node', async (how) => {
  const env = { URING_DISABLE: '1', ...(how === 'environment' ? { URING_FALLBACK: '1' } : {}) };
  expect(await runChild('net.mjs', ['fallback', how], [], env)).toEqual({
    backend: 'node',
    answer: '/a answered',
    text: 'text',
    warnings: ['URING_FALLBACK'],
  });
});
