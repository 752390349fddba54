/** Repeats a task. A task that throws or rejects is reported, and the next run comes all the same: no timer ends a process. */
export type TaskFailed = { type: 'task.failed'; task: string; error: Error };

export interface Repeating {
  /** No run starts after this; one that is under way goes on. */
  stop(): void;
  /** Runs it at once, unless it is running. */
  now(): void;
}

export interface RepeatingOptions {
  /** False where the timer must not keep the process alive. Default true. */
  keepsAlive?: boolean;
}

/** The same failure of a task is reported once in this time, ms: a task of each second would fill the log. */
const REPORT_AGAIN_MS = 60_000;

/**
 * Runs `task` each `ms` milliseconds. A promise that it returns is awaited before the next run; runs that fall due meanwhile
 * are skipped, so a slow task cannot pile up.
 * @param name says in the log which task failed
 */
export function every(
  name: string,
  ms: number,
  task: () => unknown,
  observe: (event: TaskFailed) => void,
  options: RepeatingOptions = {},
): Repeating {
  let running = false;
  let reported = '';
  let reportedAt = 0;

  function failed(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const now = Date.now();
    if (error.message === reported && now - reportedAt < REPORT_AGAIN_MS) return;
    reported = error.message;
    reportedAt = now;
    try {
      observe({ type: 'task.failed', task: name, error });
    } catch {
      // Without a reader that works there is nobody left to tell.
    }
  }

  function run(): void {
    if (running) return;
    try {
      const result = task();
      if (!(result instanceof Promise)) return;
      running = true;
      result.catch(failed).finally(() => {
        running = false;
      });
    } catch (error) {
      failed(error);
    }
  }

  const timer = setInterval(run, ms);
  if (options.keepsAlive === false) timer.unref();
  return { stop: () => clearInterval(timer), now: run };
}
