/** QEMU, with an emulated processor. */

import { spawn } from 'node:child_process';

/** A machine that is not up after this time never will be. */
const BOOT_LIMIT_MS = 120_000;

/** Emulation of two processors sometimes fails while the kernel patches its own code at boot. */
const BOOTS = 3;

/** Runs a machine until it stops. @param limitMs the limit for everything after the boot. */
export async function runMachine({ kernel, image, limitMs }) {
  for (let boot = 1; boot <= BOOTS; boot++) {
    if (await runOnce({ kernel, image, limitMs })) return;
    console.log('the machine did not come up');
  }
  throw new Error(`the machine did not come up in ${BOOTS} attempts`);
}

/** @returns whether the guest came up. */
function runOnce({ kernel, image, limitMs }) {
  const args = [
    ...['-accel', 'tcg,thread=multi,tb-size=1024', '-cpu', 'max', '-smp', '2', '-m', '4096', '-machine', 'q35'],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
    ...['-kernel', kernel, '-append'],
    'console=ttyS0 quiet panic=-1 oops=panic root=/dev/nvme0n1 rootwait rw init=/bin/start mitigations=off sysctl.vm.overcommit_memory=1',
    ...['-drive', `file=${image},format=raw,if=none,id=root,cache=unsafe`, '-device', 'nvme,serial=root,drive=root'],
  ];
  return new Promise((resolve, reject) => {
    const machine = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const kill = () => machine.kill('SIGKILL');
    let watch = setTimeout(kill, BOOT_LIMIT_MS);
    let up = false;
    let text = '';
    machine.stdout.on('data', (data) => {
      process.stdout.write(data);
      if (up) return;
      text += data;
      if (!text.includes('guest: up')) return;
      up = true;
      clearTimeout(watch);
      watch = setTimeout(kill, limitMs);
    });
    machine.on('error', reject);
    machine.on('close', () => {
      clearTimeout(watch);
      resolve(up);
    });
  });
}
