import { Worker } from 'node:worker_threads';
import type { Reply, Task, WorkerData } from './protocol.ts';

/** How a task ended: an answer, its deadline, or the death of its thread. */
export type Outcome = { type: 'reply'; reply: Reply } | { type: 'timeout' } | { type: 'crash'; reason: string };

export interface Thread {
  /** One task at a time. After anything but a reply the thread is at its end. */
  run(task: Task, deadlineMs: number): Promise<Outcome>;
  tasks(): number;
  /** Resolves when the thread has ended, native work included; its memory is free then. */
  end(): Promise<void>;
  readonly ended: Promise<void>;
}

/** The JavaScript heap of a thread, MB; pixels are native memory, which admission bounds. */
const MAX_OLD_GENERATION_MB = 128;

export function startThread(file: URL, workerData: WorkerData): Thread {
  const worker = new Worker(file, {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MAX_OLD_GENERATION_MB },
    // Loaders and inspectors of the process are not for its threads: each would cost seconds at their start.
    execArgv: [],
  });
  let settle: ((outcome: Outcome) => void) | undefined;
  let crash: string | undefined;
  let tasks = 0;
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', (code) => {
      crash ??= `exit code ${code}`;
      settle?.({ type: 'crash', reason: crash });
      resolve();
    });
  });
  worker.on('message', (reply: Reply) => settle?.({ type: 'reply', reply }));
  // Always followed by 'exit'.
  worker.on('error', (error) => {
    crash = error.message;
  });

  return {
    run: (task, deadlineMs) =>
      new Promise((resolve) => {
        if (crash !== undefined) {
          resolve({ type: 'crash', reason: crash });
          return;
        }
        tasks += 1;
        const timer = setTimeout(() => settle?.({ type: 'timeout' }), deadlineMs);
        settle = (outcome) => {
          clearTimeout(timer);
          settle = undefined;
          resolve(outcome);
        };
        worker.postMessage(task);
      }),
    tasks: () => tasks,
    async end() {
      await worker.terminate();
    },
    ended,
  };
}
