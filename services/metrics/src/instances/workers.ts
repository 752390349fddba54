/** The worker threads of all batch instances, and what they have done. */
import type { Telemetry, WorkerStats } from '@tidemark/contracts';

export interface Workers {
  threads: number;
  busy: number;
  available: number;
  admittedBytes: number;
  admissionLimitBytes: number;
  itemsDoneTotal: number;
  itemsFailedTotal: number;
}

export function workersOfAll(instances: readonly Telemetry[]): Workers {
  const all = instances.flatMap(({ workers }) => workers ?? []);
  const sum = (read: (workers: WorkerStats) => number) => all.reduce((total, one) => total + read(one), 0);
  return {
    threads: sum(({ threads }) => threads),
    busy: sum(({ busy }) => busy),
    available: sum(({ threads, busy }) => threads - busy),
    admittedBytes: sum(({ admittedBytes }) => admittedBytes),
    admissionLimitBytes: sum(({ admissionLimitBytes }) => admissionLimitBytes),
    itemsDoneTotal: sum(({ itemsDoneTotal }) => itemsDoneTotal),
    itemsFailedTotal: sum(({ itemsFailedTotal }) => itemsFailedTotal),
  };
}
