import type { Bus } from '@tidemark/bus';
import { Semaphore } from '@tidemark/service';
import type { MetricsEvent } from '../events.ts';
import { certificates } from './certificates.ts';
import { type Collector, type CollectorState, startCollector } from './collector.ts';
import { definitions } from './definitions.ts';
import { droppedIndexes } from './dropped-indexes.ts';
import { jobProblems } from './job-problems.ts';
import { finishedJobs, jobs } from './jobs.ts';
import { nats } from './nats.ts';
import { activity } from './postgres-activity.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import { indexes } from './postgres-indexes.ts';
import { replication } from './postgres-replication.ts';
import { size } from './postgres-size.ts';
import { tables } from './postgres-tables.ts';
import { statements } from './statements/collector.ts';

type ValueOf<C> = C extends Collector<infer T> ? T : never;

export interface CollectorInputs {
  postgres: PostgresConnection;
  bus: Bus;
  /** Addresses whose certificates are looked at. */
  certificateUrls: readonly string[];
  observe: (event: MetricsEvent) => void;
}

export function startCollectors({ postgres, bus, certificateUrls, observe }: CollectorInputs) {
  // Collectors that may take seconds share one of the two connections, so that those of each second have the other.
  const slow = new Semaphore(1);
  const indexCollector = startCollector(indexes(postgres), observe, slow);
  const collectors = {
    activity: startCollector(activity(postgres), observe),
    replication: startCollector(replication(postgres), observe),
    size: startCollector(size(postgres), observe, slow),
    tables: startCollector(tables(postgres), observe, slow),
    indexes: indexCollector,
    droppedIndexes: startCollector(
      droppedIndexes(postgres, () => indexCollector.value()),
      observe,
      slow,
    ),
    statements: startCollector(statements(postgres, observe, postgres.replicas), observe, slow),
    nats: startCollector(nats(bus), observe),
    jobs: startCollector(jobs(postgres), observe),
    jobProblems: startCollector(jobProblems(postgres), observe, slow),
    certificates: startCollector(certificates(certificateUrls), observe),
    finishedJobs: startCollector(finishedJobs(postgres), observe, slow),
    definitions: startCollector(definitions(postgres), observe, slow),
  };
  type All = typeof collectors;
  type Values = { [K in keyof All]: ValueOf<All[K]> | undefined };
  const list = Object.values(collectors) as Collector<unknown>[];
  return {
    values: () =>
      Object.fromEntries(Object.entries(collectors).map(([name, collector]) => [name, collector.value()])) as Values,
    states: (): CollectorState[] => list.map((collector) => collector.state()),
    stop: async (): Promise<void> => void (await Promise.all(list.map((collector) => collector.stop()))),
  };
}

export type Collectors = ReturnType<typeof startCollectors>;
export type Collected = Partial<ReturnType<Collectors['values']>>;
