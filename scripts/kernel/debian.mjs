/** Debian packages: kernels, and the programs that the tests need. */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** Returns a program's output. */
export const output = (command, args, options = {}) =>
  execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });

const FOLDERS = ['/usr/bin', '/usr/sbin', '/bin', '/sbin'];

/** Returns the path of a program. */
export function find(program) {
  const folder = FOLDERS.find((each) => fs.existsSync(path.join(each, program)));
  return folder && fs.realpathSync(path.join(folder, program));
}

/** Installs the programs that are missing. @param programs each program with its package. */
export function install(programs) {
  const missing = Object.entries(programs).filter(([program]) => !find(program));
  if (missing.length === 0) return;
  const sudo = process.getuid?.() === 0 ? [] : ['sudo'];
  const apt = (...args) => {
    const [command, ...rest] = [...sudo, 'apt-get', ...args];
    execFileSync(command, rest, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  };
  apt('update', '-qq');
  apt('install', '-y', '-qq', '--no-install-recommends', ...missing.map(([, name]) => name));
}

/**
 * Downloads the newest cloud kernel of a series, such as 6.1, unless one is cached.
 *
 * @returns the path of its image in the cache.
 */
export function kernel(series, cache) {
  const folder = path.join(cache, series);
  const cached = () => fs.existsSync(folder) && fs.readdirSync(folder).find((name) => name.startsWith('vmlinuz'));
  if (!cached()) download(series, folder);
  return path.join(folder, cached());
}

function download(series, folder) {
  const names = () =>
    output('apt-cache', ['pkgnames', `linux-image-${series}.`])
      .split('\n')
      .filter((name) => name.endsWith('-cloud-amd64'))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  if (names().length === 0) execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit' });
  const name = names().at(-1);
  if (name === undefined) throw new Error(`Debian's packages have no cloud kernel ${series}`);
  fs.mkdirSync(folder, { recursive: true });
  const scratch = fs.mkdtempSync(path.join(folder, 'package-'));
  try {
    execFileSync('apt-get', ['download', '-qq', name], { cwd: scratch, stdio: ['ignore', 'inherit', 'ignore'] });
    execFileSync('dpkg-deb', ['-x', fs.readdirSync(scratch)[0], 'content'], { cwd: scratch });
    const boot = path.join(scratch, 'content/boot');
    const image = fs.readdirSync(boot).find((file) => file.startsWith('vmlinuz'));
    fs.renameSync(path.join(boot, image), path.join(folder, image));
  } finally {
    fs.rmSync(scratch, { recursive: true });
  }
}
