import { errors, isOwnError } from '../errors.ts';
import type { SafeHttp } from '../http/safe-http.ts';
import type { JobIdentity } from '../jobs/identity.ts';
import type { InstanceLimits, JobKind } from '../kinds/job-kind.ts';
import type { DatabaseContext } from '../tables/database-context.ts';
import type { Failure, Outcome, Task } from '../workers/protocol.ts';
import { runTask, type TaskEnvironment } from '../workers/run-task.ts';
import type { WorkerPool } from '../workers/worker-pool.ts';

export interface RunItemDeps {
  workers: WorkerPool;
  main: Pick<TaskEnvironment, 'store' | 'storeTimeoutMs'>;
  databaseOf: (identity: JobIdentity) => DatabaseContext;
  http: SafeHttp;
  limits: InstanceLimits;
}

export interface ItemRun {
  signal: AbortSignal;
  identity: JobIdentity;
  /** Runs in a process of its own, because the item may have ended an instance. */
  isolated: boolean;
}

/** Rejects only with the reason of the signal, or BATCH_STOPPING. Problems of the item are its outcome. */
export async function runItem(
  deps: RunItemDeps,
  kind: JobKind,
  task: Task,
  { signal, identity, isolated }: ItemRun,
): Promise<Outcome> {
  const { workers } = deps;
  const itemMs = itemTimeMs(kind, deps.limits);
  try {
    const onMain = runOnMain(deps, kind, identity);
    const alone = isolated && !kind.usesDatabase && !kind.usesHttp ? workers.runIsolated : undefined;
    const run = alone ?? (kind.runsOn === 'thread' ? workers.run : onMain);
    const outcome = await run(task, itemMs, signal);
    signal.throwIfAborted();
    return outcome;
  } catch (error) {
    const failure = itemFailure(error);
    if (failure && !signal.aborted) return { failure };
    throw error;
  }
}

export const itemTimeMs = (kind: JobKind, limits: InstanceLimits): number =>
  kind.limits.isWholeJob ? kind.limits.itemMs : Math.min(kind.limits.itemMs, limits.itemMs);

/** Memory needs no admission here: waiting items need little, and the runner bounds their number. */
function runOnMain(deps: RunItemDeps, kind: JobKind, identity: JobIdentity): WorkerPool['run'] {
  const { main, limits, databaseOf } = deps;
  return async (task, itemMs, signal) => {
    signal.throwIfAborted();
    // AbortSignal.timeout() would keep a timer for each short item until its time limit.
    const controller = new AbortController();
    let stop: (reason: unknown) => void = () => {};
    const stopped = new Promise<never>((_resolve, reject) => {
      stop = (reason) => {
        controller.abort(reason);
        reject(reason);
      };
    });
    const onAbort = () => stop(signal.reason);
    const timer = setTimeout(() => stop(errors.ITEM_TIMEOUT({ name: task.item.name, ms: itemMs })), itemMs);
    signal.addEventListener('abort', onAbort);
    const admit = async () => {};
    const database = kind.usesDatabase ? databaseOf(identity) : undefined;
    const http = kind.usesHttp ? deps.http : undefined;
    const environment = { ...main, database, http, limits: { ...limits, itemMs }, signal: controller.signal, admit };
    try {
      // A kind that ignores its signal does not delay this.
      return await Promise.race([runTask(kind, task, environment), stopped]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  };
}

const ITEM_CODES = new Set(['BATCH_ITEM_TIMEOUT', 'BATCH_ITEM_LOST']);

function itemFailure(error: unknown): Failure | undefined {
  if (!isOwnError(error) || !ITEM_CODES.has(error.code)) return undefined;
  const { code, message, hint } = error;
  return { code, message, hint, next: 'fail' };
}
