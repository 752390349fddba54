import type { Semaphore } from '@tidemark/service';
import { errors, isOwnError } from '../errors.ts';
import type { SafeHttp } from '../http/safe-http.ts';
import type { JobIdentity } from '../jobs/identity.ts';
import type { InstanceLimits, ItemContext, JobKind } from '../kinds/job-kind.ts';
import type { ModelServer } from '../models/model-server.ts';
import type { DatabaseContext } from '../tables/database-context.ts';
import type { Failure, Outcome, Task } from '../workers/protocol.ts';
import { runTask, StepFailed, type TaskEnvironment } from '../workers/run-task.ts';
import type { WorkerPool } from '../workers/worker-pool.ts';

export interface RunItemDeps {
  workers: WorkerPool;
  main: Pick<TaskEnvironment, 'store' | 'storeTimeoutMs'>;
  databaseOf: (identity: JobIdentity) => DatabaseContext;
  http: SafeHttp;
  models: ModelServer;
  limits: InstanceLimits;
  /** Steps of items on 'main' at a time: as many as workers, so that those items do not take the places of others. */
  stepPlaces: Semaphore;
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
    const onMain = runOnMain(deps, kind, { identity, isolated });
    const needsMain = kind.usesDatabase || kind.usesHttp || kind.usesModels || kind.steps !== undefined;
    const alone = isolated && !(needsMain && kind.runsOn === 'main') ? workers.runIsolated : undefined;
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
function runOnMain(
  deps: RunItemDeps,
  kind: JobKind,
  { identity, isolated }: Pick<ItemRun, 'identity' | 'isolated'>,
): WorkerPool['run'] {
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
    const models = kind.usesModels ? deps.models : undefined;
    const { signal: stopSignal } = controller;
    const deadline = performance.now() + itemMs;
    const step: ItemContext<unknown>['step'] =
      kind.steps &&
      (async (name, given = null) => {
        const runStep = isolated ? deps.workers.runIsolated : deps.workers.run;
        const run = () => runStep({ ...task, step: { name, given } }, deadline - performance.now(), stopSignal);
        const outcome = await deps.stepPlaces.run(run).catch((error: unknown) => {
          // No failure of the item: its time is over, its process has ended, or the service stops.
          stop(error);
          throw error;
        });
        if ('failure' in outcome) throw new StepFailed(outcome.failure);
        return outcome.output;
      });
    const own = { database, http, models, step };
    const environment = { ...main, ...own, limits: { ...limits, itemMs }, signal: stopSignal, admit };
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
