/** Watchers: with callbacks, events, and as asynchronous iterables. */

import fs, {
  type FSWatcher,
  type StatsListener,
  type StatWatcher,
  unwatchFile,
  type WatchEventType,
  watch,
  watchFile,
} from 'node:fs';
import { type FileChangeInfo, watch as watchAsync } from 'node:fs/promises';

export async function changes(folder: string, signal: AbortSignal): Promise<string[]> {
  const seen: string[] = [];
  try {
    for await (const { eventType, filename } of watchAsync(folder, { recursive: true, signal })) {
      const type: WatchEventType = eventType;
      if (type === 'rename' && filename !== null) seen.push(filename.toLowerCase());
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ABORT_ERR') throw error;
  }
  return seen;
}

export const raw: AsyncIterable<FileChangeInfo<Buffer>> = fs.promises.watch('.', { encoding: 'buffer' });

export class Watched implements Disposable {
  readonly #watcher: FSWatcher;
  readonly #polled: StatWatcher;
  readonly #listener: StatsListener = (now, before) => this.changed(now.mtimeMs - before.mtimeMs);

  constructor(
    readonly path: string,
    readonly changed: (ms: number) => void,
  ) {
    this.#watcher = watch(path, { persistent: false }, (_event, name) => changed(name?.length ?? 0));
    this.#watcher
      .on('change', (event, name) => console.debug(event, name))
      .once('error', (error) => console.error(error.message));
    this.#polled = watchFile(path, { interval: 100 }, this.#listener);
    watchFile(path, { bigint: true }, (now, before) => changed(Number(now.mtimeNs - before.mtimeNs)));
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
    this.#polled.unref();
    unwatchFile(this.path, this.#listener);
  }
}

// @ts-expect-error Names can be null.
watch('a', (_event, name) => name.length);
// @ts-expect-error There is no such event.
watch('a', (event) => event === 'delete');
// @ts-expect-error A watcher is iterated asynchronously.
for (const change of raw) console.log(change);
// @ts-expect-error The function of the promises takes no listener.
watchAsync('a', {}, () => {});
