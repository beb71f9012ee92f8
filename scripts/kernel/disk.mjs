/**
 * The guest's disk: Node, the programs that tests start, the compiled project, and the packages
 * that the tests need. An ext4 image, created without root and without mounting anything. NVMe and
 * ext4 are built into Debian's cloud kernels, so the guest needs no modules.
 */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { find, output } from './debian.mjs';

/**
 * The programs that tests start. Not busybox's: its `head` reads more than it writes, and its `cat`
 * keeps a FIFO locked while it waits.
 */
const PROGRAMS = ['sh', 'cat', 'head', 'ls', 'cp', 'sync', 'sleep', 'mount', 'umount'];

const BUSYBOX = [
  'sh',
  'mount',
  'mkdir',
  'ip',
  'hostname',
  'cut',
  'uname',
  'sleep',
  'dmesg',
  'tail',
  'sync',
  'reboot',
  'cp',
  'kill',
];

/** The packages that the tests import. */
const PACKAGES = ['jest', '@jest/globals', 'fast-check', 'koffi'];

/** Creates the image. @param command the command that the guest runs, in the project's folder. */
export async function makeDisk(image, { scratch, command, limitSeconds, verbose }) {
  const root = path.join(scratch, 'root');
  const inGuest = (name) => path.join(root, name);
  const put = (name, content, mode = 0o644) => {
    fs.mkdirSync(path.dirname(inGuest(name)), { recursive: true });
    fs.writeFileSync(inGuest(name), content, { mode });
  };
  const copy = (from, to = from) => fs.cpSync(from, inGuest(to), { recursive: true, dereference: true });
  for (const folder of ['proc', 'sys', 'dev', 'tmp', 'bin', 'busybox', 'results', 'run', 'root'])
    fs.mkdirSync(inGuest(folder), { recursive: true });
  fs.mkdirSync(inGuest('usr'));
  for (const link of ['sbin', 'usr/bin', 'usr/sbin']) fs.symlinkSync('/bin', inGuest(link));

  const programs = [[fs.realpathSync(process.execPath), 'node'], ...PROGRAMS.map((name) => [find(name), name])];
  for (const [file, name] of programs) copy(file, `bin/${name}`);
  copy(find('busybox'), 'busybox/busybox');
  for (const name of BUSYBOX) fs.symlinkSync('busybox', inGuest(`busybox/${name}`));
  put('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
  put('etc/group', 'root:x:0:\n');
  put('etc/hosts', '127.0.0.1 localhost\n::1 localhost\n');
  put('bin/start', startScript(command, limitSeconds, verbose), 0o755);

  await compile(inGuest('project'));
  // Children run the built package, which is a few files already.
  for (const name of ['dist', 'examples', 'tests/children', 'tests/golden', 'tests/oracle', 'package.json'])
    copy(name, `project/${name}`);
  put(
    'project/jest.config.js',
    `export default ${JSON.stringify(jestConfig(command.some((argument) => argument.includes('tests/machine'))))};\n`,
  );
  copy(path.join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, 'reporter.cjs'), 'project/reporter.cjs');
  copyPackages(inGuest('project'));

  // The shared libraries of all executables.
  const modules = fs.readdirSync(inGuest('project/node_modules'), { recursive: true }).filter((name) => name.endsWith('.node'));
  const files = [...programs.map(([file]) => file), ...modules.map((name) => inGuest(`project/node_modules/${name}`))];
  const libraries = new Set(files.flatMap((file) => output('ldd', [file]).match(/(?<=\s)\/\S+/g) ?? []));
  for (const library of libraries) {
    fs.mkdirSync(path.dirname(inGuest(library)), { recursive: true });
    copy(library);
  }
  execFileSync(find('mke2fs'), ['-q', '-t', 'ext4', '-O', '^has_journal', '-E', 'lazy_itable_init=1', '-d', root, image, '1G']);
  fs.rmSync(root, { recursive: true });
}

/** Returns the guest's init script. */
function startScript(command, limitSeconds, verbose) {
  const quoted = command.map((text) => `'${text.replaceAll("'", "'\\''")}'`).join(' ');
  return `#!/busybox/sh
export PATH=/busybox
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o ptmxmode=666 none /dev/pts
mount -t tmpfs none /dev/shm
mount -t tmpfs none /run
ip link set lo up
hostname guest
export HOME=/root TMPDIR=/tmp LANG=C.UTF-8 CI=true NO_COLOR=1 URING_TEST_SLOW=1${verbose ? ' URING_VERBOSE=1' : ''}
cd /project
echo "guest: up: $(uname -r)"
( sleep ${limitSeconds}; echo "guest: stopped after ${limitSeconds} s"; dmesg | tail -n 40; sync; reboot -f ) &
PATH=/bin ${quoted} < /dev/null
echo $? > /results/status
cp /project/results.json /results/
sync
mount -o remount,ro /
reboot -f
`;
}

/**
 * Compiles the sources and tests to JavaScript. Transpiling and loading module by module takes long
 * in an emulator, so the sources that tests import are bundled into a few pieces (not one for each
 * test file, because modules with state must exist only once).
 */
async function compile(outdir) {
  const shared = { format: 'esm', platform: 'node', target: 'node20', logLevel: 'error', outbase: '.', outdir };
  const pieces = { ...shared, bundle: true, splitting: true, packages: 'external' };
  // Programs need their own packages, and servers, which a guest does not have.
  const tests = fs
    .readdirSync('tests', { recursive: true })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('programs/'))
    .map((name) => path.join('tests', name));
  const imported = new Set(
    tests.flatMap((test) =>
      [...fs.readFileSync(test, 'utf8').matchAll(/'(\.\.\/[^']*)\.js'/g)]
        .map(([, name]) => path.join(path.dirname(test), `${name}.ts`))
        .filter((name) => name.startsWith('src/')),
    ),
  );
  await build({ ...pieces, entryPoints: [...imported], chunkNames: 'src/[name]-[hash]' });
  // esbuild drops what a piece exports of Node's modules if other pieces import it as well.
  for (const source of imported) {
    const [line] = /^export \* from 'node:[^']*';$/m.exec(fs.readFileSync(source, 'utf8')) ?? [];
    if (line !== undefined) fs.appendFileSync(path.join(outdir, source.replace(/\.ts$/, '.js')), `${line}\n`);
  }
  await build({ ...shared, entryPoints: tests, sourcemap: 'inline', sourcesContent: false });
}

function jestConfig(changesMachine) {
  return {
    testEnvironment: 'node',
    roots: ['<rootDir>/tests'],
    testMatch: ['**/*.test.js'],
    testPathIgnorePatterns: changesMachine ? [] : ['/tests/machine/'],
    setupFilesAfterEnv: ['<rootDir>/tests/helpers/collect.js'],
    transform: {},
    testTimeout: 120_000,
    maxWorkers: 2,
    cacheDirectory: '/project/.cache',
    haste: { forceNodeFilesystemAPI: true },
    watchman: false,
    reporters: ['<rootDir>/reporter.cjs'],
  };
}

/** Copies packages and their dependencies, resolved as Node resolves them. */
function copyPackages(target) {
  const { packages } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));
  const wanted = new Set();
  const want = (name, from) => {
    for (let at = from; ; at = at.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
      const key = path.join(at, 'node_modules', name);
      const entry = packages[key];
      if (entry !== undefined) {
        if (wanted.has(key) || !fs.existsSync(key)) return;
        wanted.add(key);
        const peers = Object.keys(entry.peerDependencies ?? {}).filter((peer) => !entry.peerDependenciesMeta?.[peer]?.optional);
        for (const other of [...Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }), ...peers])
          want(other, key);
        return;
      }
      if (at === '') return;
    }
  };
  for (const name of PACKAGES) want(name, '');
  for (const key of wanted) {
    fs.cpSync(key, path.join(target, key), {
      recursive: true,
      filter: (file) => !/\.(d\.[cm]?ts|map|md)$/.test(file) && !file.slice(key.length).includes('/node_modules'),
    });
  }
}
