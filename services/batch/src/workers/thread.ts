import { Worker } from 'node:worker_threads';
import type { Failure, FromWorker, Outcome, Task, ToWorker, WorkerData } from './protocol.ts';

/** How a task ended: its outcome, its deadline, or the death of its thread. */
export type Ended = { type: 'outcome'; outcome: Outcome } | { type: 'timeout' } | { type: 'crash'; reason: string };

export interface Thread {
  /**
   * Runs one task at a time. After anything but an outcome the thread is at its end. `admit` answers the task's request for
   * memory with undefined, or with why it gets none; the deadline stands still meanwhile.
   */
  run(task: Task, deadlineMs: number, admit: (bytes: number) => Promise<Failure | undefined>): Promise<Ended>;
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
  let onMessage: ((message: FromWorker) => void) | undefined;
  let onCrash: ((reason: string) => void) | undefined;
  let crash: string | undefined;
  let tasks = 0;
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', (code) => {
      crash ??= `exit code ${code}`;
      onCrash?.(crash);
      resolve();
    });
  });
  worker.on('message', (message: FromWorker) => onMessage?.(message));
  // Always followed by 'exit'.
  worker.on('error', (error) => {
    crash = error.message;
  });
  const send = (message: ToWorker) => worker.postMessage(message);

  return {
    run: (task, deadlineMs, admit) =>
      new Promise((resolve) => {
        if (crash !== undefined) {
          resolve({ type: 'crash', reason: crash });
          return;
        }
        tasks += 1;
        let timer: NodeJS.Timeout | undefined;
        let leftMs = deadlineMs;
        let startedAt = 0;
        let isSettled = false;
        const startTimer = () => {
          startedAt = performance.now();
          timer = setTimeout(settle, leftMs, { type: 'timeout' });
        };
        const settle = (how: Ended) => {
          isSettled = true;
          clearTimeout(timer);
          onMessage = undefined;
          onCrash = undefined;
          resolve(how);
        };
        onCrash = (reason) => settle({ type: 'crash', reason });
        onMessage = (message) => {
          if (message.type === 'done') {
            settle({ type: 'outcome', outcome: message.outcome });
            return;
          }
          clearTimeout(timer);
          leftMs -= performance.now() - startedAt;
          void admit(message.bytes).then((failure) => {
            if (isSettled) return;
            startTimer();
            send(failure ? { type: 'refused', failure } : { type: 'admitted' });
          });
        };
        startTimer();
        send({ type: 'run', task });
      }),
    tasks: () => tasks,
    async end() {
      await worker.terminate();
    },
    ended,
  };
}
