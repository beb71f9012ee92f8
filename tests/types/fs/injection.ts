/** The module passed to its users: as a whole, in part, and loaded later. */

import fs, * as all from 'node:fs';

export class Store {
  constructor(
    private readonly fs: typeof import('node:fs'),
    private readonly promises: typeof import('node:fs/promises') = fs.promises,
  ) {}

  load = async (name: string): Promise<string> => {
    if (this.fs.existsSync(name)) return this.promises.readFile(name, { encoding: 'utf8' });
    const module = await import('node:fs');
    const { default: whole, promises } = await import('node:fs');
    const stats: all.Stats = module.statSync('.');
    return `${stats.size} ${whole.readdirSync('.').length} ${(await promises.readdir('.')).length}`;
  };
}

export function replaceable<Module, Name extends keyof Module>(module: Module, name: Name, fake: Module[Name]): void {
  module[name] = fake;
}

export const store = new Store(all);
export const another = new Store(fs, all.promises);
export const other = new Store({ ...all, existsSync: () => true });
export const lazily = async (): Promise<Store> => new Store(await import('node:fs'), await import('node:fs/promises'));

export const takesDefault = (files: typeof fs): fs.Stats => files.statSync('a');
takesDefault(all);
takesDefault({ ...fs, statSync: fs.statSync });
replaceable(fs, 'existsSync', () => false);
replaceable(fs.promises, 'unlink', async () => {});

// @ts-expect-error The promises alone are not the module.
new Store(fs.promises);
// @ts-expect-error A fake of another kind.
replaceable(fs, 'existsSync', () => 'no');
// @ts-expect-error There is no such name.
replaceable(fs, 'existSync', () => false);
