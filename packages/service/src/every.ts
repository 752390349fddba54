/** A failure is reported and the next run starts in time, so no timer ends the process. */
export type TaskFailed = { type: 'task.failed'; task: string; error: Error };

export interface Repeating {
  stop(): void;
  now(): void;
}

export interface RepeatingOptions {
  /** False: the timer does not keep the process alive. Default true. */
  keepsAlive?: boolean;
}

/** The same failure is reported at most once in this time, so that a task of every second does not fill the log. */
const REPORT_AGAIN_MS = 60_000;

/** Runs that fall due while a returned promise is pending are skipped, so a slow task does not pile up. */
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
