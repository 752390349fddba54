/** Names the causes that a finding could have had and has not, with what was measured in their place. */
import { CAUSES } from './causes.ts';
import type { DatedFinding } from './finding.ts';
import { RULES, type RuleName } from './rule-names.ts';
import { bytes, type SystemState, seconds } from './system-state.ts';
import type { UnknownRule } from './unknown-rules.ts';

export interface RuledOut {
  rule: RuleName;
  /** The measurement that speaks against it. */
  why: string;
}

/** A finding with more possible causes names those that its rules list first. */
const MAX_RULED_OUT = 6;

/** A cause that is found, or that nobody can see now, is not ruled out. */
export function ruledOut(
  { rule }: Pick<DatedFinding, 'rule'>,
  found: ReadonlySet<RuleName>,
  unknown: readonly UnknownRule[],
  state: SystemState,
): RuledOut[] {
  const blind = new Set(unknown.map((one) => one.rule));
  const causes = CAUSES.filter(({ explains }) => explains.includes(rule)).map((cause) => cause.rule);
  return [...new Set(causes)]
    .filter((cause) => cause !== rule && !found.has(cause) && !blind.has(cause))
    .slice(0, MAX_RULED_OUT)
    .map((cause) => ({ rule: cause, why: MEASURED[cause]?.(state) ?? `no sign that ${RULES[cause]}` }));
}

const MEASURED: Partial<Record<RuleName, (state: SystemState) => string | undefined>> = {
  'nats.down': ({ collected: { nats } }) => nats && `NATS answers in ${Math.round(nats.roundTripMs)} ms`,
  'postgres.down': ({ collected: { activity } }) => activity && `Postgres ${activity.version} answers`,
  'lock.blocker': ({ collected: { activity } }) =>
    activity && `${activity.connections.waitingForLock} sessions wait for a lock, none for 2 s`,
  'postgres.connections': ({ collected: { activity } }) =>
    activity && `${activity.connections.total} of ${activity.connections.max} connections are used`,
  'statement.long': ({ collected: { activity } }) => {
    const [longest] = activity?.running ?? [];
    if (!activity) return undefined;
    return longest
      ? `the statement that runs for longest has run for ${seconds(longest.seconds * 1_000)}`
      : 'no statement runs for 2 s';
  },
  'instance.loop_blocked': ({ live }) =>
    `the event loops wait for at most ${Math.round(Math.max(0, ...live.map(({ telemetry }) => telemetry.process.eventLoopDelayP99Ms)))} ms, p99`,
  'heap.full': ({ live }) => {
    const shares = live.flatMap(({ telemetry: { process } }) =>
      process.heapLimitBytes === undefined ? [] : process.heapUsedBytes / process.heapLimitBytes,
    );
    return shares.length === 0 ? undefined : `the fullest heap is at ${Math.round(100 * Math.max(...shares))} %`;
  },
  'pool.leaks': ({ live }) =>
    `none of ${live.flatMap(({ telemetry }) => telemetry.pools ?? []).length} pools has a connection that is held for too long`,
  'replica.lag': ({ collected: { replication } }) => {
    const lags = (replication?.replicas ?? []).flatMap(({ lagMs }) => lagMs ?? []);
    return lags.length === 0 ? undefined : `the replicas are at most ${seconds(Math.max(...lags))} behind`;
  },
  'relay.lag': ({ live }) => {
    const relay = live.find(({ telemetry }) => telemetry.relay?.role === 'active')?.telemetry.relay;
    return relay && `the relay is ${bytes(relay.lagBytes ?? 0)} behind`;
  },
};
