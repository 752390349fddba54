import type { Metrics } from '@tidemark/service';
import type { Batch } from './batch.ts';

export function registerMetrics(metrics: Metrics, { threads, runner, admission }: Batch): void {
  const gauge = (name: string, help: string, value: () => number) =>
    metrics.gauge(name, help, [], (g) => g.set(value()));
  gauge('tidemark_batch_threads_busy', 'Worker threads with a task', () => threads.busy());
  gauge('tidemark_batch_threads_waiting', 'Tasks that wait for a thread', () => threads.waiting());
  gauge('tidemark_batch_threads_replaced', 'Threads replaced since the start', () => threads.recycledTotal());
  gauge('tidemark_batch_chunks_in_flight', 'Chunks taken from the queue', () => runner.inFlight());
  gauge('tidemark_batch_decoded_bytes', 'Decoded bytes admitted', () => admission.admittedBytes());
  gauge('tidemark_batch_decoded_limit_bytes', 'Limit of decoded bytes', () => admission.limitBytes);
  gauge('tidemark_batch_admission_waiting', 'Items that wait for memory', () => admission.waiting());
}
