/** Debian's servers, each with its own directory, ports, and data. */

import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const READY_WITHIN_MS = 60_000;

/** The programs that are required. */
const PROGRAMS = ['redis-server', 'mariadbd', 'mariadb-install-db', 'mosquitto', 'nginx', 'sshd', 'memcached', 'openssl'];

const which = (program: string) => execFileSync('which', [program], { encoding: 'utf8' }).trim();
const idOf = (user: string, what: string) => Number(execFileSync('id', [what, user], { encoding: 'utf8' }));

/** @returns the directory in which Debian keeps PostgreSQL's programs. */
function postgresPrograms(): string {
  const [version] = fs.readdirSync('/usr/lib/postgresql').sort((one, other) => Number(other) - Number(one));
  return `/usr/lib/postgresql/${version}/bin`;
}

/** @returns why the servers cannot be started here. */
export function whyNoServices(): string | undefined {
  if (process.getuid?.() !== 0) return 'some servers are started by root only';
  const missing = PROGRAMS.filter((program) => {
    try {
      return which(program) === '';
    } catch {
      return true;
    }
  });
  if (!fs.existsSync('/usr/lib/postgresql')) missing.push('postgresql');
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

async function answers(port: number): Promise<void> {
  for (const end = Date.now() + READY_WITHIN_MS; Date.now() < end; await sleep(50)) {
    const socket = net.connect(port, '127.0.0.1');
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (connected) return;
  }
  throw new Error(`nobody listens on port ${port}`);
}

/**
 * Starts all servers.
 *
 * @param directory an empty directory that belongs to root.
 * @returns their addresses, for the environment variable `SERVICES`, and a function that stops
 * them.
 */
export async function startServices(directory: string): Promise<{ addresses: Record<string, unknown>; stop(): Promise<void> }> {
  fs.chmodSync(directory, 0o755);
  const key = `${directory}/key.pem`;
  const cert = `${directory}/cert.pem`;
  const run = (program: string, args: string[], options: object = {}) =>
    execFileSync(program, args, { stdio: 'pipe', ...options });
  run('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert],
  ]);
  fs.chmodSync(key, 0o644);

  const [pg, redis, redisTls, mysql, mqtt, mqttTls, nginx, nginxTls, ssh, memcached] = await freePorts(10);
  const children: ChildProcess[] = [];
  const start = (program: string, args: string[], options: SpawnOptions = {}) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
    child.stderr?.resume();
    children.push(child);
  };
  const own = (name: string, user = 'root') => {
    const path = `${directory}/${name}`;
    fs.mkdirSync(path);
    const ids = { uid: idOf(user, '-u'), gid: idOf(user, '-g') };
    fs.chownSync(path, ids.uid, ids.gid);
    return { path, ids: { ...ids, cwd: path } };
  };

  const postgres = own('postgres', 'postgres');
  const programs = postgresPrograms();
  run(`${programs}/initdb`, ['-D', `${postgres.path}/data`, '-A', 'trust', '-N', '-E', 'UTF8', '-U', 'postgres'], postgres.ids);
  for (const [file, name] of [
    [key, 'server.key'],
    [cert, 'server.crt'],
  ]) {
    const copy = `${postgres.path}/data/${name}`;
    fs.copyFileSync(file, copy);
    fs.chmodSync(copy, 0o600);
    fs.chownSync(copy, postgres.ids.uid, postgres.ids.gid);
  }
  start(
    `${programs}/postgres`,
    ['-D', `${postgres.path}/data`, '-p', `${pg}`, '-k', postgres.path, '-c', 'ssl=on', '-c', 'fsync=off'],
    postgres.ids,
  );

  start('redis-server', [
    ...[
      '--port',
      `${redis}`,
      '--tls-port',
      `${redisTls}`,
      '--tls-cert-file',
      cert,
      '--tls-key-file',
      key,
      '--tls-ca-cert-file',
      cert,
    ],
    ...['--tls-auth-clients', 'no', '--save', '', '--dir', own('redis').path, '--unixsocket', `${directory}/redis.sock`],
  ]);

  const mariadb = own('mariadb', 'mysql');
  const data = `--datadir=${mariadb.path}/data`;
  run('mariadb-install-db', [
    '--no-defaults',
    data,
    '--user=mysql',
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ]);
  start('mariadbd', [
    ...['--no-defaults', data, '--user=mysql', `--port=${mysql}`, '--bind-address=127.0.0.1', `--socket=${mariadb.path}/socket`],
    ...[`--ssl-cert=${cert}`, `--ssl-key=${key}`, '--max-allowed-packet=64M', `--pid-file=${mariadb.path}/pid`],
  ]);

  const configuration = (name: string, text: string) => {
    fs.writeFileSync(`${directory}/${name}`, text);
    return `${directory}/${name}`;
  };
  start('mosquitto', [
    '-c',
    configuration(
      'mosquitto.conf',
      `allow_anonymous true
user root
listener ${mqtt} 127.0.0.1
listener ${mqttTls} 127.0.0.1
certfile ${cert}
keyfile ${key}
`,
    ),
  ]);

  const web = own('web').path;
  fs.writeFileSync(`${web}/small.txt`, 'hello\n');
  fs.writeFileSync(`${web}/large.bin`, Buffer.alloc(5_000_000, 'large '));
  start('nginx', [
    ...['-p', directory, '-e', 'stderr', '-c'],
    configuration(
      'nginx.conf',
      `daemon off;
user root;
worker_processes 1;
pid ${directory}/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  client_max_body_size 100m;
  keepalive_requests 50;
  server {
    listen 127.0.0.1:${nginx};
    listen 127.0.0.1:${nginxTls} ssl;
    ssl_certificate ${cert};
    ssl_certificate_key ${key};
    root ${web};
    location /redirect { return 302 /small.txt; }
    location /large { try_files /large.bin =404; limit_rate 100m; }
    location /upload { dav_methods PUT DELETE; create_full_put_path on; }
  }
}
`,
    ),
  ]);

  const sshKeys = own('ssh').path;
  for (const name of ['host', 'client'])
    run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-m', 'PEM', '-f', `${sshKeys}/${name}`]);
  fs.copyFileSync(`${sshKeys}/client.pub`, `${sshKeys}/authorized`);
  fs.mkdirSync('/run/sshd', { recursive: true });
  start(which('sshd'), [
    ...['-D', '-e', '-f'],
    configuration(
      'sshd.conf',
      `Port ${ssh}
ListenAddress 127.0.0.1
HostKey ${sshKeys}/host
AuthorizedKeysFile ${sshKeys}/authorized
PidFile ${sshKeys}/pid
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
MaxStartups 100
Subsystem sftp internal-sftp
`,
    ),
  ]);

  start('memcached', ['-l', '127.0.0.1', '-p', `${memcached}`, '-u', 'root', '-I', '16m', '-m', '256']);

  const stop = async () => {
    for (const child of children) child.kill(child.spawnfile.endsWith('postgres') ? 'SIGINT' : 'SIGTERM');
    await Promise.all(children.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit')));
  };
  try {
    await Promise.all([pg, redis, redisTls, mysql, mqtt, mqttTls, nginx, nginxTls, ssh, memcached].map(answers));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    addresses: {
      ...{ directory, cert, key, pg, pgSocket: postgres.path, redis, redisTls, redisSocket: `${directory}/redis.sock` },
      ...{
        mysql,
        mysqlSocket: `${mariadb.path}/socket`,
        mqtt,
        mqttTls,
        nginx,
        nginxTls,
        ssh,
        sshKey: `${sshKeys}/client`,
        memcached,
      },
    },
    stop,
  };
}
