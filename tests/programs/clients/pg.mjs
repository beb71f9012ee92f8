import pg from 'pg';
import { bytes, ca, digest, failure, say, services, times } from './common.mjs';

const places = [
  ['plain', { host: '127.0.0.1', port: services.pg }],
  ['TLS', { host: '127.0.0.1', port: services.pg, ssl: { ca, servername: 'localhost' } }],
  ['Unix', { host: services.pgSocket, port: services.pg }],
];

for (const [name, place] of places) {
  const pool = new pg.Pool({ ...place, user: 'postgres', database: 'postgres', max: 20 });
  pool.on('error', (error) => say(name, 'pool error', error.code));
  await pool.query('DROP TABLE IF EXISTS things');
  await pool.query('CREATE TABLE things (id int PRIMARY KEY, text text, data bytea)');
  await times(500, (id) => pool.query('INSERT INTO things VALUES ($1, $2, $3)', [id, `thing ${id}`, bytes(id * 10)]));
  const { rows } = await pool.query('SELECT * FROM things ORDER BY id');
  say(name, rows.length, digest(Buffer.concat(rows.map(({ data }) => data))));
  say(name, 'large', digest((await pool.query('SELECT $1::bytea AS data', [bytes(5_000_000)])).rows[0].data));
  const parallel = await times(60, () => pool.query("SELECT repeat('x', 300000) AS text"));
  say(name, 'parallel', new Set(parallel.map(({ rows: [{ text }] }) => digest(text))).size);
  say(name, await failure(pool.query('SELECT * FROM nowhere')));

  const listener = await pool.connect();
  await listener.query('LISTEN news');
  const heard = new Promise((resolve) => {
    listener.once('notification', ({ payload }) => resolve(payload));
  });
  await pool.query("NOTIFY news, 'something happened'");
  say(name, 'heard', await heard);

  const victim = new pg.Client({ ...place, user: 'postgres', database: 'postgres' });
  const events = [];
  victim.on('error', ({ code, message }) => events.push(`error ${code} ${message}`));
  const ended = new Promise((resolve) => {
    victim.on('end', () => resolve(events.push('end')));
  });
  await victim.connect();
  const { pid } = (await victim.query('SELECT pg_backend_pid() AS pid')).rows[0];
  const sleeping = failure(victim.query('SELECT pg_sleep(60)')).then((text) => events.push(`query ${text}`));
  // Not before it sleeps: if the connection ends earlier, there is another error, or two.
  const isAsleep = "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND wait_event = 'PgSleep'";
  while ((await pool.query(isAsleep, [pid])).rows.length === 0);
  await pool.query('SELECT pg_terminate_backend($1)', [pid]);
  await Promise.all([sleeping, ended]);
  say(name, events);

  listener.release();
  await pool.end();
}
say(await failure(new pg.Client({ host: '127.0.0.1', port: 1, user: 'postgres' }).connect()));
