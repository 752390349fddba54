import type { WorkerInfo } from '@tidemark/contracts';
import type { WorkerProcess } from './worker-process.ts';

/** Returns the item that a worker runs, for operators, and since when. */
export function workerInfo(worker: WorkerProcess): WorkerInfo {
  const { task, at } = worker.running() ?? {};
  const resting = worker.hasStarted() ? 'idle' : 'starting';
  return {
    id: worker.pid ?? 0,
    kind: 'process',
    name: 'kind-worker.js',
    state: task ? 'busy' : resting,
    job: task?.job ?? null,
    jobKind: task?.kind ?? null,
    item: task?.item.index ?? null,
    sinceMs: at === undefined ? null : performance.now() - at,
    tasks: worker.tasks(),
    residentBytes: worker.residentBytes() || null,
  };
}
