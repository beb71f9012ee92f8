/** Threads that run `tests/children/*.mjs` against the built package. */

import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

interface Answer {
  readonly error?: string;
  readonly result?: unknown;
}

export class TestWorkers {
  private readonly workers: Worker[];
  private readonly waiting: ((answer: Answer) => void)[] = [];

  constructor(script: string, count: number) {
    const file = fileURLToPath(new URL(`../children/${script}`, import.meta.url));
    this.workers = Array.from({ length: count }, (_, index) => {
      const worker = new Worker(file);
      const answer = (value: Answer) => this.waiting[index]?.(value);
      worker.on('message', answer);
      worker.on('error', (error) => answer({ error: String(error.stack) }));
      worker.on('exit', (code) => answer({ error: `the worker has ended with code ${code}` }));
      return worker;
    });
  }

  /** Sends a message to one of the workers. @returns Its answer. */
  run(index: number, message: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.waiting[index] = ({ error, result }) => (error ? reject(new Error(error)) : resolve(result));
      this.workers[index]?.postMessage(message);
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }
}
