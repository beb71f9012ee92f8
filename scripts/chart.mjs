/**
 * `npm run chart -- RESULT.json CHART.svg`: draws the result of a benchmark (`npm run bench -- WHAT
 * --json`, or `npm run programs -- --json FILE`) as bars: ratios to Node, or to C for NOPs.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import * as echarts from 'echarts';

const ROW_PX = 22;
const WIDTH_PX = 900;
/** Bars end here; the label tells the number. */
const LONGEST = 12;

/** Of open loops: what is drawn, and how it is called. */
const PERCENTILES = ['p99', 'cpuP99'];
const NAMES = { p99: 'time', cpuP99: 'CPU time between requests' };

const [source, target] = process.argv.slice(2);
if (target === undefined) {
  console.error('usage: npm run chart -- RESULT.json CHART.svg');
  process.exit(2);
}
const { title, rows } = chartOf(JSON.parse(readFileSync(source, 'utf8')));

/** Returns a title, and rows of a name and one ratio for each series. */
function chartOf(result) {
  if (result.nop !== undefined) {
    const rows = Object.entries(result.nop).map(([batch, { ratio }]) => [
      `${batch} per system call`,
      { 'NOPs, ratio to liburing in C': Number(ratio) },
    ]);
    return { title: 'NOPs per second', rows };
  }
  const { outcomes } = result;
  const [first] = outcomes;
  if ('seconds' in first) {
    const rows = outcomes.map(({ title, seconds, cpu, memory }) => [
      title,
      { time: seconds.ratio, CPU: cpu.ratio, memory: memory.ratio },
    ]);
    return { title: 'Programs with uring/register, ratios to Node alone (less is better)', rows };
  }
  if ('depth' in first) {
    const names = [...new Set(outcomes.map(({ name }) => name))];
    const of = (name) => outcomes.filter((each) => each.name === name).map(({ depth, ratio }) => [`${depth} at once`, ratio]);
    return {
      title: 'Calls per second, ratios to node:fs (more is better)',
      rows: names.map((name) => [name, Object.fromEntries(of(name))]),
    };
  }
  if ('cpuRatio' in first) {
    const rows = outcomes.map(({ title, ratio, cpuRatio }) => [
      title,
      { 'per second (more is better)': ratio, 'CPU (less is better)': cpuRatio },
    ]);
    return { title: 'Datagrams, ratios to node:dgram', rows };
  }
  const isOpen = outcomes.every(({ ratios }) => ratios.every(({ of }) => of !== 'perSecond'));
  const rows = outcomes.map(({ title, ratios }) => {
    const shown = ratios.filter(({ of, against }) =>
      isOpen ? PERCENTILES.includes(of) : of === 'perSecond' && against !== 'liburing',
    );
    return [title, Object.fromEntries(shown.map(({ side, of, ratio }) => [isOpen ? `${side}: ${NAMES[of]}` : side, ratio]))];
  });
  const title = isOpen
    ? '99th percentiles, ratios to node:http (less is better)'
    : 'Servers, per second, ratios to Node (more is better)';
  return { title, rows };
}

const series = [...new Set(rows.flatMap(([, values]) => Object.keys(values)))];
const height = 115 + rows.length * (12 + series.length * ROW_PX * 0.6);
const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH_PX, height });
chart.setOption({
  animation: false,
  backgroundColor: '#fff',
  title: { text: title, left: 'center', top: 5, textStyle: { fontSize: 15 } },
  legend: { top: 32 },
  grid: { top: 85, left: 10, right: 60, bottom: 10, containLabel: true },
  xAxis: { type: 'value', min: 0, max: ({ max }) => Math.min(LONGEST, Math.ceil(max)) },
  yAxis: { type: 'category', inverse: true, data: rows.map(([name]) => name), axisLabel: { width: 300, overflow: 'break' } },
  series: series.map((name, index) => ({
    name,
    type: 'bar',
    data: rows.map(([, values]) => ({
      value: Math.min(LONGEST, values[name] ?? 0),
      label: { formatter: values[name]?.toFixed(2) ?? '' },
    })),
    label: { show: true, position: 'right', fontSize: 10 },
    ...(index === 0
      ? { markLine: { silent: true, symbol: 'none', label: { show: false }, data: [{ xAxis: 1 }], lineStyle: { color: '#333' } } }
      : {}),
  })),
});
writeFileSync(target, `${chart.renderToSVGString()}\n`);
// Otherwise its timer keeps the process alive.
chart.dispose();
