import { equal, type Finding, none, type Trial, type TrialContext } from '../lab/trial.ts';
import type { Counted } from './clients/counting-messages.ts';
import type { LiveFixture } from './fixture.ts';

/** A change missing after this time is a finding. */
export const DELIVERY_MS = 20_000;

export interface LiveScenario extends Omit<Trial, 'run'> {
  run(fixture: LiveFixture, context: TrialContext): Promise<Finding[]>;
}

export function complete(name: string, each: number, counted: Counted): Finding[] {
  const { fewest, most, disorder, others, firstOther } = counted;
  return [
    equal(`${name}: changes of the client with the fewest`, each, fewest),
    equal(`${name}: changes of the client with the most`, each, most),
    // The baselines repeat one payload, whose order cannot be checked.
    ...(name === 'realtime' ? [none('changes out of order', disorder)] : []),
    none(`${name}: other frames`, others, firstOther),
  ].filter(({ ok }, index) => !ok || index === 0);
}

export const subscribe = (query: string) => JSON.stringify({ op: 'subscribe', id: 's', query, snapshot: false });
