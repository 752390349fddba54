/**
 * Repeats a task. An exception or rejection of the task is reported and the next run starts in time, so no timer ends the
 * process.
 */
export type TaskFailed = { type: 'task.failed'; task: string; error: Error };

export interface Repeating {
  /** Starts no further run; a run in progress continues. */
  stop(): void;
  /** Runs the task now, unless it is running. */
  now(): void;
}

export interface RepeatingOptions {
  /** False: the timer does not keep the process alive. Default true. */
  keepsAlive?: boolean;
}

/**
 * The same failure of a task is reported at most once in this time, ms, so that a task of every second does not fill the
 * log.
 */
const REPORT_AGAIN_MS = 60_000;

/**
 * Runs `task` every `ms` milliseconds. A returned promise is awaited; runs that fall due meanwhile are skipped, so a slow
 * task does not pile up.
 * @param name the task's name in the log
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
      // The observer itself failed, so there is no place to report it.
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
