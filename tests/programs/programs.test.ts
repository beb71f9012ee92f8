/**
 * Real programs, unchanged, over Node's own modules and over ours: they must print the same.
 * Clients and servers run over `uring/net`, `uring/http`, and `uring/https`; programs that work
 * with files, over `uring/fs` and `uring/fs/promises`.
 *
 * `npm run test:programs` installs the packages; Debian provides the servers: postgresql,
 * redis-server, mariadb-server, mosquitto, nginx, openssh-server, memcached.
 */

import { execFile } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { startServices, whyNoServices } from './services.js';

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** `uring/register`: the programs' own packages know nothing of this one. */
const REGISTER = fileOf('../../dist/register/preload.js');
const PRELOAD = fileOf('../../dist/register/index.cjs');
/** From the first call on, not after many. */
const AT_ONCE = { URING_LOAD_AFTER: '0' };
const uninstalled = existsSync(fileOf('node_modules')) ? undefined : 'npm ci was not run in tests/programs';
const reason = whyNoRing() ?? whyNoServices() ?? uninstalled;
const reasonForFiles = whyNoRing() ?? uninstalled;

(reason === undefined ? describe : describe.skip)(`programs do the same${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(240_000);
  const directory = temporaryDirectory();
  let services: Awaited<ReturnType<typeof startServices>>;
  beforeAll(async () => {
    services = await startServices(directory.path);
  });
  afterAll(async () => {
    await services?.stop();
    directory.remove();
  });

  async function printed(client: string, nodeArgs: string[], environment: Record<string, string>): Promise<string> {
    const env = { ...process.env, ...environment, SERVICES: JSON.stringify(services.addresses) };
    const options = { env, timeout: 120_000, maxBuffer: 1 << 26 };
    const { stdout } = await promisify(execFile)(process.execPath, [...nodeArgs, fileOf(`clients/${client}`)], options);
    return stdout;
  }

  test.each([
    ['PostgreSQL: pg', 'pg.mjs'],
    ['Redis: ioredis', 'redis.mjs'],
    ['MariaDB: mysql2, mariadb', 'mysql.mjs'],
    ['Mosquitto: mqtt', 'mqtt.mjs'],
    ['OpenSSH and a server of our own: ssh2', 'ssh.mjs'],
    ['memcached: memcached', 'memcached.mjs'],
    ['nginx: undici, got, axios, fetch', 'http-clients.mjs'],
    ['smtp-server: nodemailer', 'mail.mjs'],
    ['gRPC, both ends', 'grpc.mjs'],
    ['ws and socket.io, both ends', 'web-sockets.mjs'],
  ])('%s', async (_title, client) => {
    const overRing = ['--import', REGISTER];
    const modules = { URING_MODULES: 'net,http,dgram' };
    const nodes = await printed(client, [], {});
    expect(nodes).not.toBe('');
    expect(await printed(client, overRing, modules)).toBe(nodes);
    const readsByRing = [...overRing, '--import', fileOf('reads-by-ring.mjs')];
    expect(await printed(client, readsByRing, { ...modules, ...AT_ONCE })).toBe(nodes);
  });
});

(reasonForFiles === undefined ? describe : describe.skip)(
  `programs do the same with files${reasonForFiles ? ` (skipped: ${reasonForFiles})` : ''}`,
  () => {
    jest.setTimeout(240_000);
    const directory = temporaryDirectory();
    afterAll(() => directory.remove());

    test.each(readdirSync(fileOf('files')).filter((name) => name !== 'common.mjs'))('%s', async (client) => {
      const printed = async (...nodeArgs: string[]) => {
        const args = [...nodeArgs, fileOf(`files/${client}`), `${directory.path}/${client}`];
        const options = { timeout: 120_000, maxBuffer: 1 << 26, env: { ...process.env, ...AT_ONCE } };
        const { stdout, stderr } = await promisify(execFile)(process.execPath, args, options);
        return { stdout, stderr: stderr.replace(/\(node:\d+\)/g, '(node:PID)') };
      };
      const nodes = await printed();
      expect(nodes.stdout).not.toBe('');
      expect(await printed('--import', REGISTER)).toEqual(nodes);
    });
  },
);

/** These need a registry, or a compiler, and are run by `npm run programs`. */
const NOT_HERE = ['npm-ci', 'npm-ls', 'better-sqlite3'];

(reasonForFiles === undefined ? describe : describe.skip)(
  `tools do the same with uring/register${reasonForFiles ? ` (skipped: ${reasonForFiles})` : ''}`,
  () => {
    jest.setTimeout(240_000);
    const tools = readdirSync(fileOf('tools')).map((file) => file.replace('.mjs', ''));

    test.each(tools.filter((name) => ![...NOT_HERE, 'common', 'run', 'client'].includes(name)))('%s', async (name) => {
      const args = [fileOf('main.mjs'), name, '--rounds', '0', '--scale', '0.02'];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 200_000 }).catch((error) => error);
      expect(stdout).toMatch(/ same\n$/);
    });
  },
);

(reasonForFiles === undefined ? describe : describe.skip)(
  `uring/register works beside other hooks, before and after them${reasonForFiles ? ` (skipped: ${reasonForFiles})` : ''}`,
  () => {
    jest.setTimeout(120_000);
    const directory = temporaryDirectory();
    afterAll(() => directory.remove());
    const hook = (name: string) => ['--require', fileOf(`hooks/${name}.cjs`)];

    const typescript = `${directory.path}/program.ts`;
    writeFileSync(
      typescript,
      `enum Color { Red = 'red' }\nconsole.log(Color.Red as string);\nrequire(${JSON.stringify(fileOf('hooks/files.cjs'))}).main();\n`,
    );

    test.each([
      ['graceful-fs', hook('graceful-fs'), fileOf('hooks/files.cjs')],
      ['OpenTelemetry', hook('open-telemetry'), fileOf('hooks/files.cjs')],
      ['mock-fs', [], fileOf('hooks/mock-fs.cjs')],
      ['memfs, by fs-monkey', [], fileOf('hooks/memfs.cjs')],
      ['tsx', ['--import', 'tsx'], typescript],
      // With any --import, Node 20 loads programs in a way that ts-node does not see.
      ['ts-node', ['--require', 'ts-node/register/transpile-only'], typescript, '--require'],
    ])('%s', async (_title, flags, program, how = '--import') => {
      const printed = async (...nodeArgs: string[]) => {
        const root = await mkdtemp(`${directory.path}/hook-`);
        // TypeScript 6 wants to be told, which ts-node does not do.
        const env = {
          ...process.env,
          ...AT_ONCE,
          TS_NODE_SKIP_PROJECT: '1',
          TS_NODE_COMPILER_OPTIONS: '{"rootDir":"/","module":"commonjs","ignoreDeprecations":"6.0"}',
        };
        const options = { cwd: fileOf('.'), timeout: 60_000, env };
        const { stdout, stderr } = await promisify(execFile)(process.execPath, [...nodeArgs, program, root], options);
        return { stdout, stderr: stderr.replace(/\(node:\d+\)/g, '(node:PID)').replaceAll(root, 'DIRECTORY') };
      };
      const alone = await printed(...flags);
      expect(alone.stdout).not.toBe('');
      expect(await printed(...flags, how, how === '--import' ? REGISTER : PRELOAD)).toEqual(alone);
      expect(await printed('--require', PRELOAD, ...flags)).toEqual(alone);
    });
  },
);
