import * as cold from './webpack-cold.mjs';

export const title = 'webpack: a build with its cache of files';
export const made = ['dist'];

/** Fills the cache. */
export async function prepare(directory, scale) {
  cold.prepare(directory, scale);
  const { log } = console;
  console.log = () => undefined;
  await cold.run(directory).finally(() => {
    console.log = log;
  });
}

export const { run } = cold;
