/** Leads from a finding to the page that has its stack, plan or row. */
import type { HealthAnswer } from '../../../../src/health/answer.ts';
import type { Params } from '../../address/address.ts';
import type { PageName } from '../../address/pages.ts';

export type Finding = HealthAnswer['findings'][number];

export interface Evidence {
  text: string;
  page: PageName;
  params: Params;
}

const BY_RULE: readonly [prefix: string, text: string, page: PageName, params: Params][] = [
  ['lock.', 'the lock tree', 'database', { section: 'sessions' }],
  ['transaction.', 'the sessions', 'database', { section: 'sessions' }],
  ['postgres.connections', 'the pools', 'database', { section: 'pools' }],
  ['pool.', 'the connections and who holds them', 'database', { section: 'pools' }],
  ['replica.', 'the replicas', 'database', { section: 'wal' }],
  ['slot.', 'the replication slots', 'database', { section: 'wal' }],
  ['index.', 'the tables and indexes', 'database', { section: 'tables' }],
  ['postgres.', 'the database', 'database', {}],
  ['statement.', 'the statements', 'queries', {}],
  ['route.', 'the requests', 'requests', {}],
  ['requests.', 'the requests', 'requests', {}],
  ['jobs.', 'the jobs', 'jobs', {}],
  ['live.', 'the live subscriptions', 'live', {}],
  ['relay.', 'the live subscriptions', 'live', {}],
  ['alerts.', 'the receivers of alerts', 'incidents', {}],
];

export function evidenceOf({ rule, message, subject, affects }: Finding): Evidence {
  const pid = /\bpid (\d+)/.exec(message)?.[1];
  const [, text, page, params] = BY_RULE.find(([prefix]) => rule.startsWith(prefix)) ?? [
    '',
    'the processes',
    'processes' as const,
    {},
  ];
  if (page === 'database' && pid !== undefined && !rule.startsWith('instance.')) {
    return { text: `session ${pid} in ${text}`, page, params: { ...params, pid } };
  }
  if (page === 'requests' && rule.startsWith('route.')) {
    const [, route, table] = /^(.+?)(?: \((.+)\))?$/.exec(subject) ?? [];
    if (route) return { text: `the requests of ${subject}`, page, params: { route, table } };
  }
  if (page === 'processes' && affects.length === 1) return { text, page, params: { instance: affects[0] } };
  return { text, page, params };
}
