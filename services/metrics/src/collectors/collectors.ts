import type { Bus } from '@tidemark/bus';
import { Semaphore } from '@tidemark/service';
import type { MetricsEvent } from '../events.ts';
import { certificates } from './certificates.ts';
import { type Collector, type CollectorDefinition, type CollectorState, startCollector } from './collector.ts';
import { definitions } from './definitions.ts';
import { droppedIndexes } from './dropped-indexes.ts';
import { jobProblems } from './job-problems.ts';
import { finishedJobs, jobs } from './jobs.ts';
import { nats } from './nats.ts';
import type { Pace } from './pace.ts';
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
  pace: Pace;
  /** Addresses whose certificates are looked at. */
  certificateUrls: readonly string[];
  observe: (event: MetricsEvent) => void;
}

export function startCollectors({ postgres, bus, pace, certificateUrls, observe }: CollectorInputs) {
  // Collectors that may take seconds share one of the two connections, so that those of each second have the other.
  const slow = new Semaphore(1);
  const start = <T>(definition: CollectorDefinition<T>, turns?: Semaphore) =>
    startCollector(definition, observe, turns, pace);
  const indexCollector = start(indexes(postgres), slow);
  const collectors = {
    activity: start(activity(postgres)),
    replication: start(replication(postgres)),
    size: start(size(postgres), slow),
    tables: start(tables(postgres), slow),
    indexes: indexCollector,
    droppedIndexes: start(
      droppedIndexes(postgres, () => indexCollector.value()),
      slow,
    ),
    statements: start(statements(postgres, observe, postgres.replicas), slow),
    nats: start(nats(bus)),
    jobs: start(jobs(postgres)),
    jobProblems: start(jobProblems(postgres), slow),
    certificates: start(certificates(certificateUrls)),
    finishedJobs: start(finishedJobs(postgres), slow),
    definitions: start(definitions(postgres), slow),
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
