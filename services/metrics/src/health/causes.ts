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
      ...all('jobs'),
    ],
  },
  {
    rule: 'instance.lost',
    explains: ['service.absent', 'relay.none'],
    when: (cause, { rule, subject }) => cause.subject.startsWith(rule === 'relay.none' ? 'realtime/' : `${subject}/`),
  },
  { rule: 'service.absent', explains: ['relay.none'], when: ({ subject }) => subject === 'realtime' },
  {
    rule: 'lock.blocker',
    explains: [...all('pool'), ...all('requests'), ...all('jobs'), 'instance.not_ready', 'transaction.old'],
    when: sameInstance,
  },
  { rule: 'postgres.connections', explains: ['pool.refuses', 'instance.not_ready', 'replica.unhealthy'] },
  { rule: 'replica.lag', explains: ['replica.unhealthy', 'slot.retains'] },
  { rule: 'pool.leaks', explains: [...all('pool'), 'requests.errors'], when: sameInstance },
  { rule: 'pool.refuses', explains: ['requests.errors'], when: sameInstance },
  {
    rule: 'instance.loop_blocked',
    explains: [...all('pool'), 'requests.errors'],
    when: ({ subject }, { affects = [] }) => affects.includes(subject),
  },
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
