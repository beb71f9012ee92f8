/** Draws the measurements of the soak test. */

import { writeFileSync } from 'node:fs';
import * as echarts from 'echarts';

/** Writes an SVG. @param samples `{ seconds, rss, heap, fds, perSecond }`, memory in MiB. */
export function drawChart(file, title, samples) {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 1000, height: 640 });
  const series = (name, field, index) => ({
    name,
    type: 'line',
    showSymbol: false,
    xAxisIndex: index,
    yAxisIndex: index,
    data: samples.map((sample) => [sample.seconds / 60, sample[field]]),
  });
  const axis = (index, name) => ({ gridIndex: index, type: 'value', name, min: 0 });
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    title: { text: title, left: 'center' },
    legend: { top: 30 },
    grid: [
      { top: 80, height: 130, left: 80, right: 30 },
      { top: 270, height: 130, left: 80, right: 30 },
      { top: 460, height: 130, left: 80, right: 30 },
    ],
    xAxis: [0, 1, 2].map((index) => ({
      gridIndex: index,
      type: 'value',
      name: index === 2 ? 'minutes' : '',
      nameLocation: 'middle',
      nameGap: 25,
      max: 'dataMax',
    })),
    yAxis: [axis(0, 'MiB'), axis(1, 'descriptors'), axis(2, 'work/s')],
    series: [
      series('RSS', 'rss', 0),
      series('heap', 'heap', 0),
      series('descriptors', 'fds', 1),
      series('pieces of work per second', 'perSecond', 2),
    ],
  });
  writeFileSync(file, chart.renderToSVGString());
  // Otherwise its timer keeps the process alive.
  chart.dispose();
}
