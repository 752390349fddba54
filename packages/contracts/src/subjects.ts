/** Every NATS subject and stream name. A prefix (for tests, or several Tidemarks on one server) precedes them all. */
export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];

export type ServiceName = 'gateway' | 'realtime' | 'batch' | 'metrics';
export type Severity = 'info' | 'warning' | 'critical';
/** `subscriptions`: LiveListRequest → LiveList; `why`: LiveWhyRequest → LiveWhy. */
export type Inspection = 'held' | 'statements' | 'text' | 'requests' | 'process' | 'threads' | 'subscriptions' | 'why';

export interface Subjects {
  /** `changes.<schema>.<table>`: JetStream, an envelope for each transaction and table. */
  changes(schema: string, table: string): string;
  readonly allChanges: string;
  /** `changes.@heartbeat`: the relay's heartbeat with its position, in the same stream. */
  readonly heartbeat: string;
  /** `changes.@definitions`: DefinitionsChanged, in the same stream. */
  readonly definitions: string;
  /** `work.<priority>`: JetStream work queue, one message for each chunk. */
  work(priority: Priority): string;
  readonly allWork: string;
  /** `telemetry.<service>.<instance>`: core NATS, every second. */
  telemetry(service: ServiceName, instance: string): string;
  allTelemetryOf(service: ServiceName): string;
  readonly allTelemetry: string;
  /** `channels.<name>`: core NATS, between the instances whose sockets joined a channel. */
  channel(name: string): string;
  /** `inspect.<what>.<instance>`: core NATS request and reply, from operators to an instance. */
  inspect(what: Inspection, instance: string): string;
  /** `at-once`: core NATS request and reply, AtOnceRequest → AtOnceAnswer, from a gateway to any batch instance. */
  readonly atOnce: string;
  alerts(severity: Severity): string;
  readonly allAlerts: string;
  /** `channels.*` and `inspect.*.*`, for subscriptions and permissions. */
  readonly allChannels: string;
  allInspectionsOf(what: Inspection): string;
  readonly allInspections: string;
  readonly streams: { readonly changes: string; readonly work: string };
}

/** Name of the JetStream consumer for the chunks of a priority; all batch instances share it. */
export const workConsumer = (priority: Priority): string => `batch-${priority}`;

/** A subject's tokens cannot contain dots, blanks or wildcards. The escape is reversible and keeps ordinary names. */
export function subjectToken(name: string): string {
  return encodeURIComponent(name).replace(/[.*!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function fromSubjectToken(token: string): string {
  return decodeURIComponent(token);
}

export function subjects(prefix = ''): Subjects {
  const p = prefix ? `${prefix}.` : '';
  const stream = (name: string) => (prefix ? `${prefix.replaceAll('.', '_')}_${name}` : name);
  return Object.freeze({
    changes: (schema: string, table: string) => `${p}changes.${subjectToken(schema)}.${subjectToken(table)}`,
    allChanges: `${p}changes.>`,
    heartbeat: `${p}changes.@heartbeat`,
    definitions: `${p}changes.@definitions`,
    work: (priority: Priority) => `${p}work.${priority}`,
    allWork: `${p}work.>`,
    telemetry: (service: ServiceName, instance: string) => `${p}telemetry.${service}.${subjectToken(instance)}`,
    allTelemetryOf: (service: ServiceName) => `${p}telemetry.${service}.*`,
    allTelemetry: `${p}telemetry.>`,
    channel: (name: string) => `${p}channels.${subjectToken(name)}`,
    inspect: (what: Inspection, instance: string) => `${p}inspect.${what}.${subjectToken(instance)}`,
    atOnce: `${p}at-once`,
    alerts: (severity: Severity) => `${p}alerts.${severity}`,
    allAlerts: `${p}alerts.>`,
    allChannels: `${p}channels.*`,
    allInspectionsOf: (what: Inspection) => `${p}inspect.${what}.*`,
    allInspections: `${p}inspect.*.*`,
    streams: Object.freeze({ changes: stream('CHANGES'), work: stream('WORK') }),
  });
}
