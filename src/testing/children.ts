/**
 * Child processes of the simulated program.
 *
 * @module
 */

/** A child of the simulated program. */
export interface ChildProcess {
  readonly pid: number;
  /** The exit of the child; `undefined` while it runs. */
  end: { readonly killed: boolean; readonly status: number } | undefined;
}

/** The children of the simulated program. */
export class Children {
  private readonly children = new Map<number, ChildProcess>();
  private readonly watchers = new Set<() => void>();
  private nextPid = 1000;

  spawn(): number {
    const pid = this.nextPid++;
    this.children.set(pid, { pid, end: undefined });
    return pid;
  }

  exit(pid: number, status: number, killed: boolean): void {
    const child = this.children.get(pid);
    if (child === undefined) return;
    child.end = { killed, status };
    for (const watcher of [...this.watchers]) watcher();
  }

  /** @param pid `undefined` for all children. */
  candidates(pid: number | undefined): ChildProcess[] {
    if (pid === undefined) return [...this.children.values()];
    const child = this.children.get(pid);
    return child ? [child] : [];
  }

  reap(child: ChildProcess): void {
    this.children.delete(child.pid);
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
}
