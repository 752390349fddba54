/**
 * Declares which NATS subjects each service may publish and subscribe to. The users of the local server, the production file
 * (infra/nats) and the tests are generated from it. The server refuses every subject that is not listed for a service.
 *
 * The JetStream API also uses subjects (`$JS.API.…`), as do the replies to requests: each service has an inbox prefix of its own,
 * so that no service can read the replies to another.
 */
import { PRIORITIES, type ServiceName, type Subjects, subjects as subjectsFor, workConsumer } from './subjects.ts';

export interface BusPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export const SERVICE_NAMES: readonly ServiceName[] = ['gateway', 'realtime', 'batch', 'metrics'];

/**
 * The prefix of a service's reply subjects. It lies below NATS's own `_INBOX.`, so that a user who may subscribe `_INBOX.>`, as
 * most servers allow, needs no setting for it.
 */
export const inboxPrefix = (service: ServiceName): string => `_INBOX.${service}`;

/** @param prefix NATS_PREFIX: in front of every subject and stream */
export function busPermissions(prefix = ''): Readonly<Record<ServiceName, BusPermissions>> {
  const subjects = subjectsFor(prefix);
  return {
    gateway: {
      publish: [subjects.allTelemetryOf('gateway'), ...readChanges(subjects)],
      subscribe: [allReplies('gateway')],
    },
    realtime: {
      publish: [
        subjects.allChanges,
        subjects.allChannels,
        subjects.allAlerts,
        subjects.allTelemetryOf('realtime'),
        // Answers to inspections. `allow_responses` would do as well, but then the server remembers the reply subject of every
        // message that JetStream delivers: 20,000 a second.
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
        ...provision(subjects.streams.work),
        ...consumeWork(subjects),
        ...readChanges(subjects, subjects.changes('tidemark', 'jobs')),
      ],
      subscribe: [subjects.allWork, allReplies('batch')],
    },
    metrics: {
      publish: [
        subjects.allInspections,
        subjects.allTelemetryOf('metrics'),
        '$JS.API.INFO',
        ...Object.values(subjects.streams).flatMap((stream) => [
          `$JS.API.STREAM.INFO.${stream}`,
          `$JS.API.CONSUMER.LIST.${stream}`,
        ]),
      ],
      subscribe: [subjects.allTelemetry, allReplies('metrics')],
    },
  };
}

const allReplies = (service: ServiceName) => `${inboxPrefix(service)}.>`;

/**
 * Creating a stream, and bringing its limits up to date; the client reads a stream before it updates it. Deleting and purging are
 * for administrators.
 */
function provision(stream: string): string[] {
  return ['$JS.API.INFO', ...['CREATE', 'INFO', 'UPDATE'].map((verb) => `$JS.API.STREAM.${verb}.${stream}`)];
}

/**
 * Ephemeral pull consumers of the stream of changes. The server compares the subject in the request with the consumer's filter,
 * so a service that is given one table's subject can read no other.
 */
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

/** The durable consumers of the work queue, one for each priority: creating, pulling, acknowledging, and looking at the oldest message. */
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
