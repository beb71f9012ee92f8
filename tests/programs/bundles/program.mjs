/** What is bundled: `program.mjs FILE` prints the file, read in three ways. */

import { readFileSync } from 'node:fs';
import { Uring } from 'uring';
import fs from 'uring/fs';
import { readFile } from 'uring/fs/promises';

const file = process.argv[2];
readFile(file, 'utf8').then((text) => {
  fs.readFile(file, 'utf8', (error, again) => {
    console.log(error, text === again, text === readFileSync(file, 'utf8'), Uring.default().counters.completed > 0);
  });
});
