/**
 * Runs a scenario: warms every contender, then rounds A, B, C, A, B, C…, and medians of the rounds' ratios. What disturbs
 * the machine for longer than a round meets all of them; what is shorter is outvoted. The order turns each round.
 */

import { median } from '../measuring/statistics.ts';
import type { Fixture } from './fixture.ts';
import type { Load } from './load/load.ts';
import type { LoadOrder, LoadResult } from './load/messages.ts';
import type { Contender, Scenario } from './scenario.ts';

export interface Pace {
  /** Warming ends at this many answers or after this time, whichever comes first. V8 optimises by calls, not by time. */
  readonly warmRequests: number;
  readonly warmMs: number;
  readonly roundMs: number;
  readonly rounds: number;
}

export const FULL: Pace = { warmRequests: 15_000, warmMs: 5_000, roundMs: 1_200, rounds: 5 };
export const QUICK: Pace = { warmRequests: 1_000, warmMs: 100, roundMs: 100, rounds: 2 };

/** Answers in one round: more than any server here gives in 5 s. Bounds the memory of the latencies to 2 MB. */
const MAX_REQUESTS = 250_000;

export interface ContenderResult {
  readonly name: string;
  /** Right answers in all rounds, and wrong ones, those while warming up included. */
  readonly requests: number;
  readonly errors: number;
  readonly firstError: string | null;
  /** Medians over the rounds. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the server's process for one request, µs, without Postgres. */
  readonly cpuMicros: number | null;
  /** Share of one processor that it used: well below 1, something else was the bottleneck (Postgres, or the load). */
  readonly busy: number | null;
  /** Resident bytes after the last round. */
  readonly rssBytes: number | null;
}

export interface Ratio {
  readonly to: string;
  readonly target: number | null;
  /** Ours over theirs, requests a second, of each round. */
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface ScenarioResult {
  readonly scenario: string;
  readonly title: string;
  readonly connections: number;
  readonly contenders: readonly ContenderResult[];
  readonly ratios: readonly Ratio[];
  /** What the check over the whole run found wrong. */
  readonly problem: string | null;
}

interface Round extends LoadResult {
  readonly cpuMs: number | null;
}

export async function runScenario(
  scenario: Scenario,
  fixture: Fixture,
  load: Load,
  pace: Pace,
): Promise<ScenarioResult> {
  const { connections } = scenario;
  try {
    const started = await scenario.start(fixture);
    const contenders = [started.ours, ...started.others];
    const play = (contender: Contender, durationMs: number, maxRequests: number) =>
      playRound(contender, load, { connections, durationMs, maxRequests });
    const warm: Round[] = [];
    for (const contender of contenders) warm.push(await play(contender, pace.warmMs, pace.warmRequests));
    const rounds: Round[][] = contenders.map(() => []);
    for (let round = 0; round < pace.rounds; round++) {
      for (let turn = 0; turn < contenders.length; turn++) {
        const index = (round + turn) % contenders.length;
        rounds[index]!.push(await play(contenders[index]!, pace.roundMs, MAX_REQUESTS));
      }
    }
    const completed = [...warm, ...rounds.flat()].reduce((sum, { completed }) => sum + completed, 0);
    const problem = (await started.check?.(completed)) ?? null;
    return {
      ...{ scenario: scenario.name, title: scenario.title, connections, problem },
      contenders: contenders.map((contender, index) => summary(contender, warm[index]!, rounds[index]!)),
      ratios: started.others.map((other, index) => ratio(other, rounds[0]!, rounds[index + 1]!)),
    };
  } finally {
    await fixture.clear();
  }
}

async function playRound(
  contender: Contender,
  load: Load,
  bounds: Pick<LoadOrder, 'connections' | 'durationMs' | 'maxRequests'>,
): Promise<Round> {
  const { server, requests } = contender;
  const before = server.usage().cpuMs;
  const result = await load.run({ url: server.url, requests, ...bounds });
  const after = server.usage().cpuMs;
  return { ...result, cpuMs: before === null || after === null ? null : after - before };
}

const perSecond = ({ completed, elapsedMs }: LoadResult) => (completed / elapsedMs) * 1_000;

function summary(contender: Contender, warm: Round, rounds: readonly Round[]): ContenderResult {
  const of = (value: (round: Round) => number) => median(rounds.map(value));
  const known = rounds.every(({ cpuMs }) => cpuMs !== null);
  return {
    name: contender.server.name,
    requests: rounds.reduce((sum, { completed }) => sum + completed, 0),
    errors: [warm, ...rounds].reduce((sum, { errors }) => sum + errors, 0),
    firstError: [warm, ...rounds].find(({ firstError }) => firstError !== null)?.firstError ?? null,
    perSecond: of(perSecond),
    p50Ms: of(({ p50Ms }) => p50Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
    cpuMicros: known ? of(({ cpuMs, completed }) => ((cpuMs ?? 0) / completed) * 1_000) : null,
    busy: known ? of(({ cpuMs, elapsedMs }) => (cpuMs ?? 0) / elapsedMs) : null,
    rssBytes: contender.server.usage().rssBytes,
  };
}

function ratio(other: Contender, ours: readonly Round[], theirs: readonly Round[]): Ratio {
  const ratios = ours.map((round, index) => perSecond(round) / perSecond(theirs[index]!));
  return {
    to: other.server.name,
    target: other.target,
    median: median(ratios),
    least: Math.min(...ratios),
    most: Math.max(...ratios),
  };
}
