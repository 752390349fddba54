import { equal, type Finding, type Trial, type TrialContext } from '../lab/trial.ts';
import type { Counted } from './clients/counting-messages.ts';
import type { LiveFixture } from './fixture.ts';

/** A trial on the fixture that all live scenarios share. */
export interface LiveScenario extends Omit<Trial, 'run'> {
  run(fixture: LiveFixture, context: TrialContext): Promise<Finding[]>;
}

/** Every client got every change, once and in order, and nothing else. */
export function complete(name: string, each: number, counted: Counted): Finding[] {
  const { least, most, disorder, others, firstOther } = counted;
  return [
    equal(`${name}: changes of the client with the fewest`, each, least),
    equal(`${name}: changes of the client with the most`, each, most),
    // The servers repeat one payload.
    ...(name === 'realtime' ? [equal('changes out of order', 0, disorder)] : []),
    { ...equal(`${name}: other frames`, 0, others), got: `${others} ${firstOther ?? ''}` },
  ].filter(({ ok }, index) => !ok || index === 0);
}

/** @param share 0.5: the median */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
