/**
 * A scenario starts servers that answer the same question. The first one is ours; ratios are ours over each other one.
 */
import type { ServerProcess } from '../processes/server.ts';
import type { Fixture } from './fixture.ts';
import type { LoadRequest } from './load/messages.ts';

export interface Contender {
  readonly server: ServerProcess;
  readonly requests: readonly LoadRequest[];
  /** What must reach: ours over this one. Null: nothing is asked for. */
  readonly target: number | null;
}

export interface Started {
  readonly ours: Contender;
  readonly others: readonly Contender[];
  /** Looks at the traces of the whole run. `completed`: right answers of all contenders. @returns what is wrong */
  check?(completed: number): Promise<string | undefined>;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  /** On a stack that keeps what it commits: fsync on, on the disk. Default: in memory, without. */
  readonly durable?: true;
  start(fixture: Fixture): Promise<Started>;
}

/** `count` different numbers between 1 and `of`, the same in each run and without a pattern that a cache line likes. */
export function spread(count: number, of: number): number[] {
  // 7919 is prime: multiples of it meet every remainder before one comes again.
  return Array.from({ length: count }, (_, index) => ((index * 7_919) % of) + 1);
}
