/**
 * The causes of findings. A finding that another one explains hangs below it, so that one fault is one problem.
 *
 * The first rule of the list that explains a finding wins, so the list begins with what has the most consequences.
 */
import type { DatedFinding } from './finding.ts';
import { RULES, type RuleName } from './rule-names.ts';

interface Cause {
  rule: RuleName;
  /** Rules of the consequences. */
  explains: readonly RuleName[];
  /** Default: every finding of those rules. */
  when?: (cause: DatedFinding, consequence: DatedFinding) => boolean;
}

/** The consequence is about an instance that suffers from the cause. */
const sameInstance = (cause: DatedFinding, { subject, affects = [] }: DatedFinding) =>
  (cause.affects ?? []).some((instance) => subject === instance || affects.includes(instance));

/** The relay reads the slot of its name (RELAY_SLOT), which begins with that of the system unless it is set. */
const isRelays = (rule: RuleName, subject: string) => !rule.startsWith('slot.') || subject.startsWith('tidemark');

/** All rules whose name begins with `part` and a dot. */
const all = (part: string) => (Object.keys(RULES) as RuleName[]).filter((name) => name.startsWith(`${part}.`));

export const CAUSES: readonly Cause[] = [
  {
    // All telemetry comes over NATS, so without it every instance seems to be silent.
    rule: 'nats.down',
    explains: [
      ...all('instance'),
      'service.absent',
      ...all('relay'),
      ...all('stream'),
      'collector.fails',
      ...all('jobs'),
    ],
    when: (_cause, { rule, subject }) => rule !== 'collector.fails' || subject === 'nats',
  },
  {
    rule: 'postgres.down',
    explains: [
      'instance.not_ready',
      ...all('pool'),
      ...all('relay'),
      ...all('replica'),
      ...all('slot'),
      'collector.fails',
      ...all('requests'),
      ...all('route'),
      ...all('live'),
      ...all('jobs'),
    ],
  },
  {
    rule: 'instance.lost',
    explains: ['service.absent', 'relay.none', 'slot.unread'],
    when: (cause, { rule, subject }) =>
      rule === 'service.absent'
        ? cause.subject.startsWith(`${subject}/`)
        : cause.subject.startsWith('realtime/') && isRelays(rule, subject),
  },
  {
    rule: 'service.absent',
    explains: ['relay.none', 'slot.unread'],
    when: (cause, { rule, subject }) => cause.subject === 'realtime' && isRelays(rule, subject),
  },
  {
    rule: 'lock.blocker',
    explains: [
      ...all('pool'),
      ...all('requests'),
      ...all('route'),
      ...all('live'),
      ...all('jobs'),
      'instance.not_ready',
      'transaction.old',
    ],
    when: sameInstance,
  },
  { rule: 'postgres.connections', explains: ['pool.refuses', 'instance.not_ready', 'replica.unhealthy'] },
  {
    rule: 'replica.disconnected',
    explains: ['replica.lag', 'replica.unhealthy', 'slot.retains'],
  },
  { rule: 'replica.paused', explains: ['replica.lag', 'replica.unhealthy', 'slot.retains'] },
  {
    rule: 'relay.none',
    explains: ['slot.unread', 'slot.retains'],
    when: (_cause, { rule, subject }) => isRelays(rule, subject),
  },
  { rule: 'slot.unread', explains: ['slot.retains'], when: (cause, { subject }) => cause.subject === subject },
  { rule: 'replica.lag', explains: ['replica.unhealthy', 'slot.retains'] },
  {
    // It names the table, as the names of routes do.
    rule: 'index.dropped',
    explains: [...all('pool'), ...all('requests'), ...all('route'), 'statement.slower', 'statement.long'],
    when: ({ subject }, { rule, subject: of }) =>
      !rule.startsWith('route.') || of.includes(`(${subject.slice(subject.indexOf('.') + 1)})`),
  },
  { rule: 'pool.leaks', explains: [...all('pool'), ...all('requests'), ...all('route')], when: sameInstance },
  { rule: 'relay.none', explains: all('live') },
  { rule: 'relay.lag', explains: all('live') },
  { rule: 'relay.stalled', explains: ['relay.lag', 'slot.retains', ...all('live')] },
  { rule: 'requests.errors', explains: ['requests.failing'], when: sameInstance },
  {
    // It names the statement.
    rule: 'pool.long_statements',
    explains: ['pool.slow', 'pool.refuses', 'pool.exhausted', 'statement.slower', ...all('requests'), ...all('route')],
    when: sameInstance,
  },
  { rule: 'pool.exhausted', explains: ['pool.slow', ...all('requests'), ...all('route')], when: sameInstance },
  { rule: 'pool.refuses', explains: [...all('requests'), 'pool.slow', ...all('route')], when: sameInstance },
  ...(['heap.full', 'heap.leak'] as const).map(
    (rule): Cause => ({
      rule,
      explains: ['instance.loop_blocked'],
      when: ({ subject }, consequence) => consequence.subject === subject,
    }),
  ),
  {
    rule: 'instance.loop_blocked',
    explains: [...all('pool'), ...all('requests'), ...all('route'), ...all('live')],
    when: ({ subject }, { affects = [] }) => affects.includes(subject),
  },
  // It names the statement.
  { rule: 'statement.slower', explains: ['route.slow'], when: sameInstance },
  // Both name the route.
  { rule: 'route.fails', explains: ['requests.errors', 'requests.failing'], when: sameInstance },
  { rule: 'route.sqlstate', explains: ['requests.errors', 'requests.failing'], when: sameInstance },
  { rule: 'jobs.waiting', explains: ['jobs.overdue'] },
];

/** Returns the key of the root of each finding: its own key where nothing explains it. */
export function rootsOf(findings: readonly DatedFinding[]): Map<string, string> {
  const parents = new Map<string, string>();
  for (const { rule, explains, when = () => true } of CAUSES) {
    for (const cause of findings) {
      if (cause.rule !== rule) continue;
      for (const finding of findings) {
        if (finding === cause || parents.has(finding.key) || !explains.includes(finding.rule)) continue;
        if (when(cause, finding) && rootOf(cause.key, parents) !== finding.key) parents.set(finding.key, cause.key);
      }
    }
  }
  return new Map(findings.map(({ key }) => [key, rootOf(key, parents)]));
}

function rootOf(key: string, parents: ReadonlyMap<string, string>): string {
  const parent = parents.get(key);
  return parent === undefined ? key : rootOf(parent, parents);
}
