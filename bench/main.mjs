/**
 * `npm run bench -- nop [--json] [--short]`.
 */

import os from 'node:os';
import { parseArgs } from 'node:util';
import { nop } from './nop.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, short: { type: 'boolean', default: false } },
});

if (positionals.length !== 1 || positionals[0] !== 'nop') {
  console.error('usage: npm run bench -- nop [--json] [--short]');
  process.exit(2);
}

const result = await nop({ short: values.short });
if (values.json) {
  console.log(JSON.stringify(result, undefined, 2));
} else {
  console.log(`${os.cpus()[0].model}, Linux ${os.release()}, Node ${process.version}; ${result.flags.join(' | ')}`);
  console.log(`medians of ${result.pairs} interleaved pairs`);
  console.table(
    Object.fromEntries(
      Object.entries(result.nop).map(([batch, { uring, liburing, ratio, ratioOfBest }]) => [
        `batch ${batch}`,
        {
          'uring M/s': (uring / 1e6).toFixed(2),
          'liburing M/s': (liburing / 1e6).toFixed(2),
          ratio,
          'ratio of best slices': ratioOfBest,
        },
      ]),
    ),
  );
  console.log(`heap growth per operation: ${result.heapBytesPerOperation} bytes`);
}
