/**
 * A debugger: `node --experimental-websocket debug.mjs FLAGS... PROGRAM ARGUMENTS...` runs a program
 * until its `debugger` statement, evaluates `text` there, and lets it go on. Prints JSON.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';

const child = spawn(process.execPath, ['--inspect-brk=127.0.0.1:0', ...process.argv.slice(2)]);
let stdout = '';
child.stdout.on('data', (piece) => (stdout += piece));
let stderr = '';
while (!/ws:\S+/.test(stderr)) stderr += (await once(child.stderr, 'data'))[0];
child.stderr.resume();
const socket = new WebSocket(stderr.match(/ws:\S+/)[0]);
await new Promise((resolve) => (socket.onopen = resolve));

let count = 0;
const results = new Map();
let paused = () => undefined;
socket.onmessage = ({ data }) => {
  const { id, result, method, params } = JSON.parse(data);
  if (id !== undefined) results.get(id)(result);
  else if (method === 'Debugger.paused') paused(params);
  // A program that is debugged does not end before the debugger has gone.
  else if (method === 'Runtime.executionContextDestroyed') socket.close();
};
const call = (method, params = {}) =>
  new Promise((resolve) => {
    results.set(++count, resolve);
    socket.send(JSON.stringify({ id: count, method, params }));
  });
const nextPause = () => new Promise((resolve) => (paused = resolve));

await call('Runtime.enable');
await call('Debugger.enable');
let pause = nextPause();
await call('Runtime.runIfWaitingForDebugger');
let { callFrames } = await pause;
const reasons = [callFrames[0].functionName];
let value;
while (value === undefined) {
  pause = nextPause();
  await call('Debugger.resume');
  ({ callFrames } = await pause);
  const [{ callFrameId }] = callFrames;
  ({
    result: { value },
  } = await call('Debugger.evaluateOnCallFrame', { callFrameId, expression: 'typeof text === "string" ? text : undefined' }));
}
reasons.push(callFrames[0].functionName);
await call('Debugger.resume');
const [code] = await once(child, 'exit');
console.log(JSON.stringify({ at: reasons[1], value, stdout, code }));
process.exit(0);
