/**
 * Declares which NATS subjects each service may use; the server denies it every other. The local server's users, the
 * production file (infra/nats) and the tests are generated from it. Each service has its own inbox prefix, so that no
 * service can read another's replies.
 */
import { PRIORITIES, type ServiceName, type Subjects, subjects as subjectsFor, workConsumer } from './subjects.ts';

export interface BusPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export const SERVICE_NAMES: readonly ServiceName[] = ['gateway', 'realtime', 'batch', 'metrics'];

/** It begins with NATS's own `_INBOX.`: a user with permission for `_INBOX.>`, as on most servers, needs no more. */
export const inboxPrefix = (service: ServiceName): string => `_INBOX.${service}`;

/** Every service with a database answers these. */
const DATABASE_INSPECTIONS = ['held', 'statements', 'text', 'process', 'threads'] as const;

export function busPermissions(prefix = ''): Readonly<Record<ServiceName, BusPermissions>> {
  const subjects = subjectsFor(prefix);
  return {
    gateway: {
      publish: [subjects.allTelemetryOf('gateway'), allReplies('metrics'), subjects.atOnce, ...readChanges(subjects)],
      subscribe: [
        ...DATABASE_INSPECTIONS.map((what) => subjects.allInspectionsOf(what)),
        subjects.allInspectionsOf('requests'),
        allReplies('gateway'),
      ],
    },
    realtime: {
      publish: [
        subjects.allChanges,
        subjects.allChannels,
        subjects.allAlerts,
        subjects.allTelemetryOf('realtime'),
        // Replies to inspections. `allow_responses` would work too, but the server would keep the reply subject of every
        // message that JetStream delivers, 20,000 a second.
        allReplies('metrics'),
        ...provision(subjects.streams.changes),
        `$JS.API.STREAM.MSG.GET.${subjects.streams.changes}`,
        ...readChanges(subjects),
      ],
      subscribe: [
        subjects.allChannels,
        subjects.allInspections,
        subjects.allTelemetryOf('realtime'),
        allReplies('realtime'),
      ],
    },
    batch: {
      publish: [
        subjects.allWork,
        subjects.allTelemetryOf('batch'),
        subjects.allAlerts,
        ...provision(subjects.streams.work),
        ...consumeWork(subjects),
        ...readChanges(subjects, subjects.changes('tidemark', 'jobs')),
        allReplies('metrics'),
        allReplies('gateway'),
      ],
      subscribe: [
        subjects.allWork,
        subjects.atOnce,
        ...DATABASE_INSPECTIONS.map((what) => subjects.allInspectionsOf(what)),
        allReplies('batch'),
      ],
    },
    metrics: {
      publish: [
        subjects.allInspections,
        subjects.allTelemetryOf('metrics'),
        subjects.allAlerts,
        allReplies('metrics'),
        '$JS.API.INFO',
        ...Object.values(subjects.streams).flatMap((stream) => [
          `$JS.API.STREAM.INFO.${stream}`,
          `$JS.API.CONSUMER.LIST.${stream}`,
        ]),
      ],
      subscribe: [
        subjects.allTelemetry,
        subjects.allAlerts,
        ...DATABASE_INSPECTIONS.map((what) => subjects.allInspectionsOf(what)),
        allReplies('metrics'),
      ],
    },
  };
}

/** The prefix of replies to a consumer of one's own (packages/bus/CONSUMERS.md). */
export const CONSUMER_INBOX = '_INBOX.consumer';

/** A consumer of one's own reads the stream of changes, and neither writes it nor reads anything else. */
export const consumerPermissions = (prefix = ''): BusPermissions => ({
  publish: readChanges(subjectsFor(prefix)),
  subscribe: [`${CONSUMER_INBOX}.>`],
});

const allReplies = (service: ServiceName) => `${inboxPrefix(service)}.>`;

/** The client reads a stream before it updates it. Only administrators delete and purge. */
function provision(stream: string): string[] {
  return ['$JS.API.INFO', ...['CREATE', 'INFO', 'UPDATE'].map((verb) => `$JS.API.STREAM.${verb}.${stream}`)];
}

/** The server compares the request's subject with the consumer's filter: one table's permission admits no other. */
function readChanges({ streams }: Subjects, only?: string): string[] {
  const stream = streams.changes;
  return [
    '$JS.API.INFO',
    `$JS.API.STREAM.INFO.${stream}`,
    ...(only === undefined ? [`$JS.API.CONSUMER.CREATE.${stream}.>`] : [`$JS.API.CONSUMER.CREATE.${stream}.*.${only}`]),
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
  ];
}

/** The durable consumers, one for each priority: create, pull, acknowledge, and read the oldest message. */
function consumeWork({ streams, work }: Subjects): string[] {
  const stream = streams.work;
  return [
    ...PRIORITIES.flatMap((priority) => [
      `$JS.API.CONSUMER.CREATE.${stream}.${workConsumer(priority)}.${work(priority)}`,
      `$JS.API.CONSUMER.INFO.${stream}.${workConsumer(priority)}`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${workConsumer(priority)}`,
    ]),
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.ACK.${stream}.>`,
  ];
}
