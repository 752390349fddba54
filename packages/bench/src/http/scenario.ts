import type { ServerProcess } from '../processes/server.ts';
import type { Fixture } from './fixture.ts';
import type { LoadRequest } from './load/messages.ts';

export interface Contender {
  readonly server: ServerProcess;
  readonly requests: readonly LoadRequest[];
}

export interface Baseline extends Contender {
  /** The gateway must answer so many times as many; null for a comparison without a target. */
  readonly target: number | null;
}

export interface StartedScenario {
  readonly gateway: Contender;
  readonly baselines: readonly Baseline[];
  /** Checks the effects of the whole run by the correct responses of all contenders. Returns the problem, if any. */
  check?(completed: number): Promise<string | undefined>;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  readonly durable?: boolean;
  start(fixture: Fixture): Promise<StartedScenario>;
}

/** The numbers are the same in each run and not in order. */
export function spread(count: number, of: number): number[] {
  // 7919 is prime: its multiples take every remainder before one repeats.
  return Array.from({ length: count }, (_, index) => ((index * 7_919) % of) + 1);
}

export const postJson = (path: string, body: object, status: number, includes: string): LoadRequest => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
  status,
  includes,
});
