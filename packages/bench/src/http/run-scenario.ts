/**
 * Contenders run in turn (A, B, C, B, C, A…), and medians of the rounds' ratios count: a disturbance longer than a
 * round affects all contenders, and the median ignores shorter ones.
 */
import { median } from '../measuring/statistics.ts';
import type { Fixture } from './fixture.ts';
import type { Load } from './load/load.ts';
import type { LoadOrder, LoadResult } from './load/messages.ts';
import type { Baseline, Contender, Scenario } from './scenario.ts';

export interface Pace {
  /** V8 optimises by calls, so the number of responses counts; the time is for slow contenders. */
  readonly warmRequests: number;
  readonly warmMs: number;
  readonly roundMs: number;
  readonly rounds: number;
}

export const FULL: Pace = { warmRequests: 15_000, warmMs: 5_000, roundMs: 1_200, rounds: 5 };
export const QUICK: Pace = { warmRequests: 1_000, warmMs: 100, roundMs: 100, rounds: 2 };

/** No server here answers as many in a round. The latencies take 2 MB at most. */
const MAX_REQUESTS = 250_000;

export interface ContenderResult {
  readonly name: string;
  readonly requests: number;
  readonly errors: number;
  readonly firstError: string | null;
  /** This value and the following ones but the last are medians over the rounds. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the server's process for one request, µs, without Postgres. */
  readonly cpuMicros: number | null;
  /** Used share of one processor. Well below 1, something else was the bottleneck (Postgres or the load). */
  readonly busy: number | null;
  /** Resident bytes after the last round. */
  readonly rssBytes: number | null;
}

export interface Ratio {
  readonly to: string;
  readonly target: number | null;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface ScenarioResult {
  readonly scenario: string;
  readonly title: string;
  readonly connections: number;
  readonly contenders: readonly ContenderResult[];
  readonly ratios: readonly Ratio[];
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
  const { name, title, connections } = scenario;
  try {
    const started = await scenario.start(fixture);
    const contenders = [started.gateway, ...started.baselines];
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
    return {
      scenario: name,
      title,
      connections,
      problem: (await started.check?.(completed)) ?? null,
      contenders: contenders.map((contender, index) => summary(contender, warm[index]!, rounds[index]!)),
      ratios: started.baselines.map((baseline, index) => ratio(baseline, rounds[0]!, rounds[index + 1]!)),
    };
  } finally {
    await fixture.clear();
  }
}

async function playRound(
  { server, requests }: Contender,
  load: Load,
  bounds: Pick<LoadOrder, 'connections' | 'durationMs' | 'maxRequests'>,
): Promise<Round> {
  const before = server.usage().cpuMs;
  const result = await load.run({ url: server.url, requests, ...bounds });
  const after = server.usage().cpuMs;
  return { ...result, cpuMs: before === null || after === null ? null : after - before };
}

const perSecond = ({ completed, elapsedMs }: LoadResult) => (completed / elapsedMs) * 1_000;

function summary({ server }: Contender, warm: Round, rounds: readonly Round[]): ContenderResult {
  const medianOf = (value: (round: Round) => number) => median(rounds.map(value));
  const isKnown = rounds.every(({ cpuMs }) => cpuMs !== null);
  return {
    name: server.name,
    requests: rounds.reduce((sum, { completed }) => sum + completed, 0),
    errors: [warm, ...rounds].reduce((sum, { errors }) => sum + errors, 0),
    firstError: [warm, ...rounds].find(({ firstError }) => firstError !== null)?.firstError ?? null,
    perSecond: medianOf(perSecond),
    p50Ms: medianOf(({ p50Ms }) => p50Ms),
    p99Ms: medianOf(({ p99Ms }) => p99Ms),
    cpuMicros: isKnown ? medianOf(({ cpuMs, completed }) => ((cpuMs ?? 0) / completed) * 1_000) : null,
    busy: isKnown ? medianOf(({ cpuMs, elapsedMs }) => (cpuMs ?? 0) / elapsedMs) : null,
    rssBytes: server.usage().rssBytes,
  };
}

function ratio({ server, target }: Baseline, ours: readonly Round[], theirs: readonly Round[]): Ratio {
  const ratios = ours.map((round, index) => perSecond(round) / perSecond(theirs[index]!));
  return { to: server.name, target, median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}
