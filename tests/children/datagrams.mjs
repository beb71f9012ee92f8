/** Datagrams in a separate network. */

import { bind } from 'uring/sockets';

const modes = {
  /** Joins an IPv6 group on an interface of this network. */
  async group() {
    const member = await bind({ host: '::' });
    const sender = await bind({ host: '::' });
    member.joinGroup('ff02::1234', { interface: 'v0' });
    sender.setMulticastInterface('v0');
    const messages = member.receive();
    await sender.send('all of you', { host: 'ff02::1234', port: member.address.port });
    const { value } = await messages.next();
    console.log(`${value} from ${value.sender.address}`);
    member.leaveGroup('ff02::1234', { interface: 'v0' });
    member.joinGroup('ff02::1234', { interface: 'v0', source: 'fe80::1' });
    await sender.send('by one', { host: 'ff02::1234%v0', port: member.address.port });
    console.log(`${(await messages.next()).value}`);
    await Promise.all([member.close(), sender.close()]);
  },

  /** Waits, and lets the process exit. */
  async unref() {
    const socket = (await bind({ host: '127.0.0.1' })).ref();
    const messages = socket.receive();
    void messages.next();
    socket.unref();
    void socket.receive().next();
    console.log('waiting');
  },
};

await modes[process.argv[2]]();
