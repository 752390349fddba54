/** Runs one task in a worker process, and enforces its deadline and its stop. */
import type { Failure, FromTask, Outcome, Task, ToWorker } from './protocol.ts';

export type Ended =
  | { type: 'outcome'; outcome: Outcome }
  | { type: 'timeout' }
  /** The signal was aborted. */
  | { type: 'stopped' }
  /** The process has ended, perhaps for another task of it. */
  | { type: 'crash'; how: string }
  /** It could not load the kinds, for example, and has not seen the task. */
  | { type: 'not started'; how: string };

export interface RunOptions {
  /** The deadline is suspended while `admit` decides. */
  deadlineMs: number;
  /** Memory that is admitted already. */
  grantedBytes: number;
  signal: AbortSignal;
  admit: (bytes: number) => Promise<Failure | undefined>;
  /** The process may take its next task. */
  onComputed?: () => void;
}

export interface TaskRun {
  readonly ended: Promise<Ended>;
  receive(message: FromTask): void;
  /** The process has ended. */
  crash(how: string): void;
}

/** ms for a kind to heed its signal before its process is killed. */
const STOP_MS = 1_000;

export interface TaskProcess {
  send(message: ToWorker): void;
  kill(): void;
}

export function startTaskRun(id: number, task: Task, options: RunOptions, process: TaskProcess): TaskRun {
  const { signal, admit, onComputed } = options;
  let timer: NodeJS.Timeout | undefined;
  let leftMs = options.deadlineMs;
  let startedAt = 0;
  let stop: Ended | undefined;
  let isSettled = false;
  let resolve: (how: Ended) => void = () => {};
  const ended = new Promise<Ended>((settled) => {
    resolve = settled;
  });
  const onAbort = () => stopFor({ type: 'stopped' });

  function settle(how: Ended): void {
    if (isSettled) return;
    isSettled = true;
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    // A result after the stop is discarded: the job has ended, or the time of the item is over.
    resolve(stop ?? how);
  }

  function startTimer(): void {
    startedAt = performance.now();
    timer = setTimeout(stopFor, leftMs, { type: 'timeout' });
  }

  function stopFor(why: Ended): void {
    if (stop) return;
    stop = why;
    clearTimeout(timer);
    process.send({ type: 'stop', id });
    timer = setTimeout(() => process.kill(), STOP_MS);
  }

  function askForMemory(bytes: number): void {
    if (!stop) clearTimeout(timer);
    leftMs -= performance.now() - startedAt;
    void admit(bytes).then((failure) => {
      if (isSettled) return;
      if (!stop) startTimer();
      process.send(failure ? { type: 'refused', id, failure } : { type: 'admitted', id });
    });
  }

  signal.addEventListener('abort', onAbort, { once: true });
  startTimer();
  process.send({ type: 'run', id, task, grantedBytes: options.grantedBytes });
  return {
    ended,
    receive(message) {
      if (message.type === 'done') settle({ type: 'outcome', outcome: message.outcome });
      else if (message.type === 'computed') onComputed?.();
      else askForMemory(message.bytes);
    },
    crash: (how) => settle({ type: 'crash', how }),
  };
}
