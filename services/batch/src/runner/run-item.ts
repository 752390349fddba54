import type { Semaphore } from '@tidemark/service';
import { isOwnError } from '../errors.ts';
import type { SafeHttp } from '../http/safe-http.ts';
import type { JobIdentity } from '../jobs/identity.ts';
import type { InstanceLimits, ItemContext, JobKind } from '../kinds/job-kind.ts';
import type { ModelServer } from '../models/model-server.ts';
import type { DatabaseContext } from '../tables/database-context.ts';
import type { Failure, Outcome, Task } from '../workers/protocol.ts';
import { isPromise, runTask, StepFailed, type TaskEnvironment } from '../workers/run-task.ts';
import type { WorkerPool } from '../workers/worker-pool.ts';
import { createItemStop, type ItemStop } from './item-stop.ts';

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

/**
 * Rejects only with the reason of the signal, or BATCH_STOPPING. Problems of the item are its outcome, which is there at once when
 * the item waits for nothing: a promise would cost more than many an item.
 */
export function runItem(deps: RunItemDeps, kind: JobKind, task: Task, run: ItemRun): Outcome | Promise<Outcome> {
  const { workers } = deps;
  const { signal } = run;
  const itemMs = itemTimeMs(kind, deps.limits);
  const needsMain = kind.usesDatabase || kind.usesHttp || kind.usesModels || kind.steps !== undefined;
  if (run.isolated && !(needsMain && kind.runsOn === 'main')) {
    return settled(workers.runIsolated(task, itemMs, signal), signal);
  }
  if (kind.runsOn === 'thread') return settled(workers.run(task, itemMs, signal), signal);
  const outcome = runOnMain(deps, kind, task, run);
  return isPromise(outcome) ? settled(outcome, signal) : outcome;
}

export const itemTimeMs = (kind: JobKind, limits: InstanceLimits): number =>
  kind.limits.isWholeJob ? kind.limits.itemMs : Math.min(kind.limits.itemMs, limits.itemMs);

async function settled(outcome: Promise<Outcome>, signal: AbortSignal): Promise<Outcome> {
  try {
    const ended = await outcome;
    signal.throwIfAborted();
    return ended;
  } catch (error) {
    const failure = itemFailure(error);
    if (failure && !signal.aborted) return { failure };
    throw error;
  }
}

/** Memory needs no admission here: waiting items need little, and the runner bounds their number. */
function runOnMain(deps: RunItemDeps, kind: JobKind, task: Task, run: ItemRun): Outcome | Promise<Outcome> {
  const { store, storeTimeoutMs } = deps.main;
  const itemMs = itemTimeMs(kind, deps.limits);
  const stop = createItemStop();
  const outcome = runTask(kind, task, {
    store,
    storeTimeoutMs,
    database: kind.usesDatabase ? deps.databaseOf(run.identity) : undefined,
    http: kind.usesHttp ? deps.http : undefined,
    models: kind.usesModels ? deps.models : undefined,
    step: kind.steps && stepsOf(deps, task, itemMs, run.isolated, stop),
    limits: { ...deps.limits, itemMs },
    get signal() {
      return stop.signal();
    },
    admit: admitAtOnce,
  });
  return isPromise(outcome) ? stop.race(outcome, run.signal, { name: task.item.name, ms: itemMs }) : outcome;
}

async function admitAtOnce(): Promise<void> {}

function stepsOf(
  { workers, stepPlaces }: RunItemDeps,
  task: Task,
  itemMs: number,
  isolated: boolean,
  stop: ItemStop,
): NonNullable<ItemContext<unknown>['step']> {
  const deadline = performance.now() + itemMs;
  return async (name, given = null) => {
    const runStep = isolated ? workers.runIsolated : workers.run;
    const run = () => runStep({ ...task, step: { name, given } }, deadline - performance.now(), stop.signal());
    const outcome = await stepPlaces.run(run).catch((error: unknown) => {
      // No failure of the item: its time is over, its process has ended, or the service stops.
      stop.now(error);
      throw error;
    });
    if ('failure' in outcome) throw new StepFailed(outcome.failure);
    return outcome.output;
  };
}

const ITEM_CODES = new Set(['BATCH_ITEM_TIMEOUT', 'BATCH_ITEM_LOST']);

function itemFailure(error: unknown): Failure | undefined {
  if (!isOwnError(error) || !ITEM_CODES.has(error.code)) return undefined;
  const { code, message, hint } = error;
  return { code, message, hint, next: 'fail' };
}
