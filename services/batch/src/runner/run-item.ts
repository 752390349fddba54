/** Runs one item where its kind wants to run. */
import { once } from 'node:events';
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

export interface ItemRun {
  signal: AbortSignal;
  /** In a child process, since the item may end the process that runs it. */
  isolated: boolean;
}

/** Never rejects for what is wrong with the item; rejects with the signal's reason, or BATCH_STOPPING. */
export async function runItem(
  deps: RunItemDeps,
  kind: JobKind,
  task: Task,
  { signal, isolated }: ItemRun,
): Promise<Outcome> {
  const { threads } = deps;
  const itemMs = Math.min(kind.limits.itemMs, deps.limits.itemMs);
  try {
    const run = isolated ? threads.runIsolated : kind.runsOn === 'thread' ? threads.run : runOnMain(deps, kind);
    const outcome = await run(task, itemMs, signal);
    signal.throwIfAborted();
    return outcome;
  } catch (error) {
    const failure = itemFailure(error);
    if (failure && !signal.aborted) return { failure };
    throw error;
  }
}

/** Memory is not admitted here: what waits holds little, and the runner bounds how many do. */
function runOnMain({ main, limits }: RunItemDeps, kind: JobKind): ThreadPool['run'] {
  return async (task, itemMs, signal) => {
    signal.throwIfAborted();
    const stop = AbortSignal.any([signal, AbortSignal.timeout(itemMs)]);
    const admit = async () => {};
    const running = runTask(kind, task, { ...main, limits: { ...limits, itemMs }, signal: stop, admit });
    // A kind that ignores its signal is not waited for.
    const stopped = once(stop, 'abort').then(() => {
      throw signal.aborted ? signal.reason : errors.ITEM_TIMEOUT({ name: task.item.name, ms: itemMs });
    });
    return Promise.race([running, stopped]);
  };
}

/** What this file and the threads throw about an item. */
const ITEM_CODES = new Set(['BATCH_ITEM_TIMEOUT', 'BATCH_WORKER_CRASHED', 'BATCH_ITEM_LOST']);

function itemFailure(error: unknown): Failure | undefined {
  if (!isOwnError(error) || !ITEM_CODES.has(error.code)) return undefined;
  const { code, message, hint } = error;
  return { code, message, hint, next: 'fail' };
}
