/**
 * Metrics of a program's rings for Prometheus, from the diagnostics channels: operations by name and
 * outcome, their durations, and what is in flight.
 *
 *     node examples/metrics.mjs [port]
 *
 * Load it before the program, in its process: `import './metrics.mjs'`. For OpenTelemetry, record
 * the same events with a counter and a histogram of `@opentelemetry/api` in `completed`.
 */

import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';

/** Upper bounds of the durations, in seconds. */
const BOUNDS = [0.0001, 0.001, 0.01, 0.1, 1];

/** By operation: how many have ended in which way, and how many within each bound. */
const operations = new Map();
let inFlight = 0;

subscribe('uring:submit', () => {
  inFlight++;
});

subscribe('uring:complete', function completed({ operation, code = 'OK', duration = 0 }) {
  inFlight--;
  let record = operations.get(operation);
  if (record === undefined) {
    record = { codes: new Map(), within: BOUNDS.map(() => 0), sum: 0, count: 0 };
    operations.set(operation, record);
  }
  record.codes.set(code, (record.codes.get(code) ?? 0) + 1);
  record.count++;
  record.sum += duration / 1000;
  BOUNDS.forEach((bound, index) => {
    if (duration / 1000 <= bound) record.within[index]++;
  });
});

/** All metrics in the text format of Prometheus. */
export function metrics() {
  const lines = ['# TYPE uring_in_flight gauge', `uring_in_flight ${inFlight}`, '# TYPE uring_operations_total counter'];
  for (const [operation, { codes }] of operations) {
    for (const [code, count] of codes) lines.push(`uring_operations_total{operation="${operation}",code="${code}"} ${count}`);
  }
  lines.push('# TYPE uring_operation_seconds histogram');
  for (const [operation, { within, sum, count }] of operations) {
    const name = `uring_operation_seconds`;
    within.forEach((each, index) => {
      lines.push(`${name}_bucket{operation="${operation}",le="${BOUNDS[index]}"} ${each}`);
    });
    lines.push(`${name}_bucket{operation="${operation}",le="+Inf"} ${count}`);
    lines.push(`${name}_sum{operation="${operation}"} ${sum}`, `${name}_count{operation="${operation}"} ${count}`);
  }
  return `${lines.join('\n')}\n`;
}

const server = createServer((_request, response) => {
  response.setHeader('content-type', 'text/plain; version=0.0.4').end(metrics());
}).listen(Number(process.argv[2] ?? 9464), '127.0.0.1', () => {
  console.log(`metrics on port ${server.address().port}`);
});
// Metrics do not keep the program alive, unless they are all there is.
if (import.meta.url !== `file://${process.argv[1]}`) server.unref();
