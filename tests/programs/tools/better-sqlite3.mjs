import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { atOnce, digest, filesBelow, inPackage, scaled, texts, write } from './common.mjs';

export const title = 'better-sqlite3: a tree into a database';

export function prepare(directory, scale) {
  // It has to be compiled, and not everyone has what that takes.
  if (!fs.existsSync(inPackage('better-sqlite3', 'build/Release/better_sqlite3.node'))) {
    const nodedir = path.resolve(process.execPath, '../..');
    execFileSync('npm', ['rebuild', 'better-sqlite3', '--build-from-source', `--nodedir=${nodedir}`], {
      cwd: inPackage('..', ''),
      stdio: 'pipe',
    });
  }
  const files = texts(scaled(8000, scale), 2000);
  write(path.join(directory, 'tree'), files);
}

export function reset(directory) {
  fs.rmSync(path.join(directory, 'database'), { force: true });
}

export async function run(directory) {
  const { default: Database } = await import('better-sqlite3');
  const database = new Database(path.join(directory, 'database'));
  database.exec('PRAGMA synchronous = off; CREATE TABLE files (name TEXT PRIMARY KEY, text TEXT)');
  const insert = database.prepare('INSERT INTO files VALUES (?, ?)');
  database.exec('BEGIN');
  await atOnce(16, filesBelow(path.join(directory, 'tree')), async (file) => {
    insert.run(path.relative(directory, file), await fs.promises.readFile(file, 'utf8'));
  });
  database.exec('COMMIT');
  const rows = database.prepare('SELECT name, text FROM files ORDER BY name').all();
  console.log(rows.length, digest(rows.map(({ name, text }) => `${name} ${text}`).join('\n')));
  database.close();
}
