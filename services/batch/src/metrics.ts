import type { Metrics } from '@tidemark/service';
import type { Batch } from './batch.ts';

export function registerMetrics(metrics: Metrics, batch: Batch): void {
  const { workers, runner, admission, snapshots, writers, reports, storeGate, atOnce } = batch;
  const gauge = (name: string, help: string, value: () => number) =>
    metrics.gauge(name, help, [], (g) => g.set(value()));
  gauge('tidemark_batch_workers', 'Worker processes', () => workers.size());
  gauge('tidemark_batch_workers_busy', 'Worker processes with a task', () => workers.busy());
  gauge('tidemark_batch_workers_waiting', 'Tasks that wait for a worker process', () => workers.waiting());
  gauge('tidemark_batch_workers_replaced', 'Worker processes replaced since the start', () => workers.recycledTotal());
  gauge('tidemark_batch_chunks_in_flight', 'Chunks taken from the queue', () => runner.inFlight());
  gauge('tidemark_batch_admitted_bytes', 'Bytes of memory admitted to running items', () => admission.admittedBytes());
  gauge('tidemark_batch_admission_limit_bytes', 'Limit of admitted bytes', () => admission.limitBytes);
  gauge('tidemark_batch_at_once', 'Requests that are being answered without a job', () => atOnce.running());
  gauge('tidemark_batch_at_once_workers', 'Worker processes for requests without a job', () => atOnce.workers.size());
  gauge('tidemark_batch_snapshots_held', 'Snapshots of jobs that are held open', () => snapshots.held());
  gauge('tidemark_batch_writers', 'Transactions that write many rows', () => writers.running);
  gauge('tidemark_batch_writers_waiting', 'Transactions of many rows that wait for a place', () => writers.waiting);
  gauge('tidemark_batch_reports', 'PDF reports that are drawn', () => reports.running);
  gauge('tidemark_batch_reports_waiting', 'PDF reports that wait for a thread', () => reports.waiting);
  gauge('tidemark_batch_store_full', '1 while the file store is full and no work is taken', () =>
    Number(!storeGate.isOpen()),
  );
  gauge('tidemark_batch_admission_waiting', 'Items that wait for memory', () => admission.waiting());
}
