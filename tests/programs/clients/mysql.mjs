import mariadb from 'mariadb';
import mysql from 'mysql2/promise';
import { bytes, ca, digest, failure, say, services, times } from './common.mjs';

const at = { host: '127.0.0.1', port: services.mysql, user: 'root' };
const setup = await mysql.createConnection(at);
await setup.query('CREATE DATABASE IF NOT EXISTS programs');
await setup.query("CREATE USER IF NOT EXISTS 'other'@'%' IDENTIFIED BY 'secret'");
await setup.query("GRANT ALL ON programs.* TO 'other'@'%'");
await setup.end();

const places = [
  ['plain', { ...at, user: 'other', password: 'secret' }],
  ['TLS', { ...at, user: 'other', password: 'secret', ssl: { ca, rejectUnauthorized: true } }],
  ['Unix', { socketPath: services.mysqlSocket, user: 'root' }],
];

/** Runs the same statements through a pool of either package. */
async function work(name, pool, rowsOf) {
  await pool.query('DROP TABLE IF EXISTS things');
  await pool.query('CREATE TABLE things (id int PRIMARY KEY, text text, data longblob)');
  await times(300, (id) => pool.query('INSERT INTO things VALUES (?, ?, ?)', [id, `thing ${id}`, bytes(id * 100)]));
  const rows = rowsOf(await pool.query('SELECT * FROM things ORDER BY id'));
  say(name, rows.length, digest(Buffer.concat(rows.map(({ data }) => data))));
  await pool.query('INSERT INTO things VALUES (1000, ?, ?)', ['large', bytes(20_000_000)]);
  say(name, 'large', digest(rowsOf(await pool.query('SELECT data FROM things WHERE id = 1000'))[0].data));
  const parallel = await times(50, () => pool.query("SELECT repeat('x', 300000) AS text"));
  say(name, 'parallel', new Set(parallel.map((result) => digest(rowsOf(result)[0].text))).size);
  say(name, 'executed', rowsOf(await pool.execute('SELECT text FROM things WHERE id = ?', [7]))[0].text);
  say(name, (await failure(pool.query('SELECT * FROM nowhere'))).replace(/conn:\d+/, 'conn:N'));
}

/** Reports the error of a connection that the server ends. */
async function killed(name, connection, id, pool) {
  const sleeping = failure(connection.query('SELECT sleep(60)'));
  while (
    !JSON.stringify(await pool.query(`SELECT state FROM information_schema.processlist WHERE id = ${id}`)).includes('sleep')
  );
  await pool.query(`KILL ${id}`);
  say(name, 'killed', (await sleeping).replace(/\(conn:.*$/s, ''));
}

for (const [name, place] of places) {
  const pool = mysql.createPool({ ...place, database: 'programs', connectionLimit: 10 });
  await work(`mysql2 ${name}`, pool, ([rows]) => rows);
  const victim = await mysql.createConnection(place);
  victim.on('error', () => undefined);
  await killed(`mysql2 ${name}`, victim, victim.threadId, pool);
  await pool.end();

  const ssl = place.ssl && { ssl: place.ssl };
  const other = mariadb.createPool({ ...place, ...ssl, database: 'programs', connectionLimit: 10 });
  await work(`mariadb ${name}`, other, (rows) => rows);
  const connection = await mariadb.createConnection({ ...place, ...ssl });
  connection.on('error', () => undefined);
  await killed(`mariadb ${name}`, connection, connection.threadId, other);
  await other.end();
}
say(await failure(mysql.createConnection({ host: '127.0.0.1', port: 1 })));
