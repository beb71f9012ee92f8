/**
 * The process that the datagram benchmark measures: `node bench/datagram-worker.mjs SIDE`, where
 * SIDE is a module. Prints the port of a socket that sends back what it receives. For each line of
 * its input, it prints a line of JSON:
 *
 *   state                  the number of datagrams received, and microseconds of CPU
 *   echo on|off            turns sending back on or off
 *   send MS TURN PORT...   sends for MS milliseconds, TURN datagrams in each turn of the event
 *                          loop, to these ports in turn; reports how many it has sent
 */

import { createInterface } from 'node:readline';

const [, , side] = process.argv;
const dgram = await import(side);
const MESSAGE = Buffer.alloc(64, 'uring');
const HOST = '127.0.0.1';

let received = 0;
let sendsBack = true;
const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 20 }, (message, { port, address }) => {
  received++;
  if (sendsBack) socket.send(message, port, address);
});
socket.bind(0, HOST, () => console.log(socket.address().port));

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

const turn = () => new Promise((resolve) => setImmediate(resolve));

const commands = {
  state: () => ({ received, cpu: cpu() }),
  echo: (value) => {
    sendsBack = value === 'on';
    return {};
  },
  async send(milliseconds, perTurn, ...ports) {
    const [before, end] = [cpu(), performance.now() + Number(milliseconds)];
    let sent = 0;
    while (performance.now() < end) {
      for (let index = 0; index < Number(perTurn); index++) socket.send(MESSAGE, Number(ports[sent++ % ports.length]), HOST);
      await turn();
    }
    return { sent, cpu: cpu() - before };
  },
};

for await (const line of createInterface(process.stdin)) {
  const [command, ...args] = line.split(' ');
  console.log(JSON.stringify(await commands[command](...args)));
}
process.exit();
