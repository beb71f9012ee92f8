/** `npm run bench -- nop | files | fs-calls | net | dgram [--json] [--short] [--only ID]`. */

import os from 'node:os';
import { parseArgs } from 'node:util';
import { dgram } from './dgram.mjs';
import { files } from './files.mjs';
import { fsCalls } from './fs-calls.mjs';
import { net } from './net.mjs';
import { nop } from './nop.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, short: { type: 'boolean', default: false }, only: { type: 'string' } },
});

const machine = `${os.cpus()[0].model}, ${os.cpus().length} CPUs, Linux ${os.release()}, Node ${process.version}`;

const reports = {
  nop(result) {
    console.log(`${machine}; ${result.flags.join(' | ')}`);
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
  },

  files({ outcomes, rounds, direct, memory }) {
    console.log(`${machine}; medians of ${rounds} interleaved rounds`);
    const rows = outcomes.flatMap(({ title, figures, ratios, cpuRatios, targets }) =>
      figures.map(({ name, perSecond }, index) => ({
        work: index === 0 ? title : '',
        side: name,
        'per second': Math.round(perSecond),
        ratio: ratios[name]?.toFixed(2) ?? '',
        CPU: cpuRatios[name]?.toFixed(2) ?? '',
        'at least': targets[name] ?? '',
      })),
    );
    rows.push({
      work: 'O_DIRECT reads, 32 at once',
      side: 'uring/fs/promises',
      'per second': direct.uring,
      ratio: '',
      CPU: '',
      'at least': '',
    });
    rows.push({ work: '', side: 'fio', 'per second': direct.fio, ratio: direct.ratio, CPU: '', 'at least': 0.95 });
    console.table(rows);
    console.log(`heap of an operation in flight: ${memory.heapBytesPerOperationInFlight} bytes`);
    console.log(`after ${memory.operations} reads: heap ${memory.heapGrowth} bytes more, RSS ${memory.rssGrowth}`);
  },

  'fs-calls'({ outcomes, rounds, milliseconds }) {
    console.log(`${machine}; ratios to node:fs/promises, medians of ${rounds} interleaved rounds of ${milliseconds} ms`);
    const rows = {};
    for (const { name, depth, perSecond, ratio, cpu } of outcomes) {
      rows[name] ??= { 'per second at 1': perSecond };
      rows[name][`at ${depth}`] = Number(ratio.toFixed(2));
      rows[name][`CPU at ${depth}`] = Number(cpu.toFixed(2));
    }
    console.table(rows);
  },

  net({ outcomes, rounds, seconds }) {
    console.log(`${machine}; medians of ${rounds} interleaved rounds of ${seconds} s`);
    console.table(
      outcomes.flatMap(({ title, figures, ratios }) =>
        figures.map(({ name, perSecond, p50, p99, cpu }, index) => ({
          work: index === 0 ? title : '',
          server: name,
          'per second (or bytes)': Math.round(perSecond),
          'p50 us': p50,
          'p99 us': p99,
          'CPU us': Number(cpu.toFixed(2)),
          ratios: ratios
            .filter(({ side }) => side === name)
            .map(({ against, of, ratio, least, most }) => {
              const what = of === 'perSecond' ? '' : `${of} `;
              const bound = least !== undefined ? ` (at least ${least})` : most !== undefined ? ` (at most ${most})` : '';
              return `${what}${ratio.toFixed(2)} of ${against}${bound}`;
            })
            .join(', '),
        })),
      ),
    );
  },

  dgram({ outcomes, rounds, seconds }) {
    console.log(`${machine}; datagrams of 64 bytes, medians of ${rounds} interleaved rounds of ${seconds} s`);
    console.table(
      outcomes.flatMap(({ title, least, figures, ratio, cpuRatio }) =>
        figures.map(({ name, perSecond, cpu }, index) => ({
          work: index === 0 ? title : '',
          side: name,
          'per second': Math.round(perSecond),
          'CPU us': Number(cpu.toFixed(2)),
          ratio: index === 0 ? ratio.toFixed(2) : '',
          'at least': index === 0 ? least : '',
          'ratio of CPU': index === 0 ? cpuRatio.toFixed(2) : '',
        })),
      ),
    );
  },
};

const [name] = positionals;
if (positionals.length !== 1 || !(name in reports)) {
  console.error('usage: npm run bench -- nop | files | fs-calls | net | dgram [--json] [--short] [--only ID]');
  process.exit(2);
}
const result = await { nop, files, 'fs-calls': fsCalls, net, dgram }[name]({ short: values.short, only: values.only });
if (values.json) console.log(JSON.stringify(result, undefined, 2));
else reports[name](result);
