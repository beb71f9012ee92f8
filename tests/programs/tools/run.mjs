/** `node run.mjs NAME DIRECTORY SCALE`: runs a program of this folder that is a function. */

import fs from 'node:fs';
import { performance } from 'node:perf_hooks';

const [, , name, directory, scale] = process.argv;
const { run } = await import(`./${name}.mjs`);
await run(directory, Number(scale));

const { PROGRAM_USAGE } = process.env;
if (PROGRAM_USAGE !== undefined) {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const usage = { seconds: performance.now() / 1000, cpu: (userCPUTime + systemCPUTime) / 1e6, memory: maxRSS * 1024 };
  fs.writeFileSync(`${PROGRAM_USAGE}.own`, JSON.stringify(usage));
}
