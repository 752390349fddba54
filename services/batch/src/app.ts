import {
  type BaseApp,
  buildBaseApp,
  type Descriptors,
  type Health,
  type Logger,
  type Metrics,
} from '@tidemark/service';
import type { Batch } from './batch.ts';
import type { BatchEvent } from './events.ts';

export interface AppDeps {
  logger: Logger;
  health: Health;
  metrics: Metrics;
  batch: Batch;
  descriptors: Descriptors;
  observe: (event: BatchEvent) => void;
}

/** Health and metrics only: jobs come as rows, not over HTTP. */
export function buildApp({ logger, health, metrics, batch, descriptors, observe }: AppDeps): BaseApp {
  health.add('database', () => batch.database.problem());
  health.add('nats', () => batch.bus.problem());
  health.add('queue', () => batch.runner.problem());
  health.add('sweeper', () => batch.sweeper.problem());
  health.add('threads', () => batch.threads.problem());

  const gauge = (name: string, help: string, value: () => number) =>
    metrics.gauge(name, help, [], (g) => g.set(value()));
  gauge('tidemark_batch_threads_busy', 'Worker threads with a task', () => batch.threads.busy());
  gauge('tidemark_batch_threads_waiting', 'Tasks that wait for a thread', () => batch.threads.waiting());
  gauge('tidemark_batch_threads_replaced', 'Threads replaced since the start', () => batch.threads.recycledTotal());
  gauge('tidemark_batch_chunks_in_flight', 'Chunks taken from the queue', () => batch.runner.inFlight());
  gauge('tidemark_batch_decoded_bytes', 'Decoded bytes admitted', () => batch.admission.admittedBytes());
  gauge('tidemark_batch_decoded_limit_bytes', 'Decoded bytes that may be', () => batch.admission.limitBytes);
  gauge('tidemark_batch_admission_waiting', 'Images that wait for memory', () => batch.admission.waiting());

  return buildBaseApp({ logger, health, metrics, descriptors, observe });
}
