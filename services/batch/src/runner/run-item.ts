/** Runs one item where its kind wants to run. */
import { errors, isOwnError } from '../errors.ts';
import type { InstanceLimits, JobKind } from '../kinds/job-kind.ts';
import type { Failure, Outcome, Task } from '../workers/protocol.ts';
import { runTask, type TaskEnvironment } from '../workers/run-task.ts';
import type { ThreadPool } from '../workers/thread-pool.ts';

export interface RunItemDeps {
  threads: ThreadPool;
  /** For kinds that run on the main thread. */
  main: Pick<TaskEnvironment, 'store' | 'storeTimeoutMs'>;
  limits: InstanceLimits;
}

/** Never rejects for what is wrong with the item; rejects with the signal's reason, or BATCH_STOPPING. */
export async function runItem(deps: RunItemDeps, kind: JobKind, task: Task, signal: AbortSignal): Promise<Outcome> {
  const itemMs = Math.min(kind.limits.itemMs, deps.limits.itemMs);
  try {
    const outcome = await (kind.runsOn === 'thread'
      ? deps.threads.run(task, itemMs, signal)
      : runOnMain(deps, kind, task, itemMs, signal));
    signal.throwIfAborted();
    return outcome;
  } catch (error) {
    const failure = itemFailure(error);
    if (failure && !signal.aborted) return { failure };
    throw error;
  }
}

/** Memory is not admitted here: what waits holds little, and the runner bounds how many do. */
async function runOnMain(
  { main, limits }: RunItemDeps,
  kind: JobKind,
  task: Task,
  itemMs: number,
  signal: AbortSignal,
) {
  const timeout = AbortSignal.timeout(itemMs);
  const stop = AbortSignal.any([signal, timeout]);
  const admit = async () => {};
  const running = runTask(kind, task, { ...main, limits: { ...limits, itemMs }, signal: stop, admit });
  // A kind that ignores its signal is not waited for.
  const stopped = new Promise<never>((_, reject) => {
    const onAbort = () =>
      reject(signal.aborted ? signal.reason : errors.ITEM_TIMEOUT({ name: task.item.name, ms: itemMs }));
    if (stop.aborted) onAbort();
    else stop.addEventListener('abort', onAbort, { once: true });
  });
  return await Promise.race([running, stopped]);
}

/** What this file and the threads throw about an item. */
const ITEM_CODES = new Set(['BATCH_ITEM_TIMEOUT', 'BATCH_WORKER_CRASHED']);

function itemFailure(error: unknown): Failure | undefined {
  if (!isOwnError(error) || !ITEM_CODES.has(error.code)) return undefined;
  const { code, message, hint } = error;
  return { code, message, hint, fault: false };
}
