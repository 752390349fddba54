/** A scenario compares the gateway with servers that answer the same requests. */
import type { ServerProcess } from '../processes/server.ts';
import type { Fixture } from './fixture.ts';
import type { LoadRequest } from './load/messages.ts';

export interface Contender {
  readonly server: ServerProcess;
  readonly requests: readonly LoadRequest[];
}

export interface Baseline extends Contender {
  /** Minimum ratio of the gateway's requests a second over this one's; null for a comparison without a target. */
  readonly target: number | null;
}

export interface StartedScenario {
  readonly gateway: Contender;
  readonly baselines: readonly Baseline[];
  /** Checks the effects of the whole run. @param completed correct responses of all contenders. @returns the problem, if any */
  check?(completed: number): Promise<string | undefined>;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  /** Runs on a stack with fsync, on disk. Default: in memory, without fsync. */
  readonly durable?: boolean;
  start(fixture: Fixture): Promise<StartedScenario>;
}

/** Returns `count` different numbers between 1 and `of`, the same in each run and not in order. */
export function spread(count: number, of: number): number[] {
  // 7919 is prime: its multiples take every remainder before one repeats.
  return Array.from({ length: count }, (_, index) => ((index * 7_919) % of) + 1);
}

/** A POST that must be answered with a status and a body that includes a text. */
export const postJson = (path: string, body: object, status: number, includes: string): LoadRequest => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
  status,
  includes,
});
