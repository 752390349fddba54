/** Rules that cannot say anything now, because what they look at is missing. They find nothing, and nothing is not "all is well". */
import type { CollectorState } from '../collectors/collector.ts';
import { RULES, type RuleName } from './rule-names.ts';

export interface UnknownRule {
  rule: RuleName;
  why: string;
}

/** The rules that need the figures of a collector, by its name. A name without a dot stands for all rules that begin with it. */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  'postgres activity': ['lock', 'transaction', 'statement.long', 'postgres.connections'],
  'postgres replication': ['replica.lag', 'replica.paused', 'replica.disconnected', 'slot'],
  'job problems': ['jobs.waiting', 'jobs.overdue', 'jobs.dead_letters'],
  'dropped indexes': ['index'],
  certificates: ['certificate'],
  // Telemetry comes over NATS.
  nats: [
    ...['stream', 'instance', 'service', 'heap', 'pool', 'requests', 'route', 'live', 'relay', 'jobs'],
    'replica.unhealthy',
    'statement.slower',
  ],
};

export function unknownRules(
  collectors: readonly Pick<CollectorState, 'name' | 'error' | 'collectedAt'>[],
): UnknownRule[] {
  return collectors.flatMap(({ name, error, collectedAt }) => {
    const needs = NEEDS[name];
    if (!needs || (error === null && collectedAt !== null)) return [];
    const why = error === null ? `the collector "${name}" has not run yet` : `the collector "${name}" fails: ${error}`;
    const rules = (Object.keys(RULES) as RuleName[]).filter(
      (rule) => needs.includes(rule) || needs.includes(partOf(rule)),
    );
    return rules.map((rule) => ({ rule, why }));
  });
}

const partOf = (rule: string) => rule.slice(0, rule.indexOf('.'));
