import { redactStatement, type StatementFigures, statementShape } from '@tidemark/contracts';
import { statementHash } from './hash.ts';
import type { StatementStatsRegistry } from './registry.ts';
import { mergedQuantiles } from './sketch.ts';
import type { StatementStats } from './stats.ts';

const QUANTILES = [0.5, 0.95, 0.99];
/** Length of a text in telemetry, which is sent each second. */
const MAX_TEXT_LENGTH = 500;

/** Percentiles are over the last minute, so that they are settled after this time without a run. */
const SETTLED_MS = 61_000;

/** Returns `statementFigures`, which costs nothing while no statement runs: telemetry asks each second. */
export function createStatementFigures(
  registries: readonly StatementStatsRegistry[],
): (max: number) => StatementFigures[] {
  let calls = -1;
  let changedAt = 0;
  let settled: { max: number; figures: StatementFigures[] } | undefined;
  return (max) => {
    const now = performance.now();
    let total = 0;
    for (const registry of registries) for (const stats of registry.all()) total += stats.callsTotal;
    if (total !== calls) {
      calls = total;
      changedAt = now;
      settled = undefined;
    }
    if (settled?.max === max) return settled.figures;
    const figures = statementFigures(registries, max);
    if (now - changedAt > SETTLED_MS) settled = { max, figures };
    return figures;
  };
}

/** The statements that took most time, at most `max`, in that order. Costs about 0.1 ms each: for dashboards, not for requests. */
function statementFigures(registries: readonly StatementStatsRegistry[], max: number): StatementFigures[] {
  const byText = new Map<string, StatementStats[]>();
  for (const registry of registries) {
    for (const stats of registry.all()) {
      const same = byText.get(stats.text);
      if (same === undefined) byText.set(stats.text, [stats]);
      else same.push(stats);
    }
  }
  const sum = (all: readonly StatementStats[], of: (stats: StatementStats) => number) =>
    all.reduce((total, stats) => total + of(stats), 0);
  return [...byText.values()]
    .map((all) => ({ all, totalMs: sum(all, (stats) => stats.totalMs), calls: sum(all, (stats) => stats.callsTotal) }))
    .filter(({ calls }) => calls > 0)
    .sort((a, b) => b.totalMs - a.totalMs)
    .slice(0, max)
    .map(({ all, totalMs, calls }) => ({
      ...named(all[0]!),
      callsTotal: calls,
      errorsTotal: sum(all, (stats) => stats.errorsTotal),
      slowTotal: sum(all, (stats) => stats.slowTotal),
      rowsTotal: sum(all, (stats) => stats.rowsTotal),
      bytesTotal: sum(all, (stats) => stats.bytesTotal),
      totalMs,
      ...percentilesOf(all, calls),
    }));
}

type Percentiles = Pick<StatementFigures, 'waitP50Ms' | 'waitP95Ms' | 'waitP99Ms' | 'p50Ms' | 'p95Ms' | 'p99Ms'>;
/** Percentiles of a statement that has not run since are kept for this time, because most statements of an idle service have not. */
const FRESH_MS = 10_000;
const percentiles = new WeakMap<StatementStats, { values: Percentiles; calls: number; at: number }>();

function percentilesOf(all: readonly StatementStats[], calls: number): Percentiles {
  const [first] = all as [StatementStats];
  const now = performance.now();
  const known = percentiles.get(first);
  if (known?.calls === calls && now - known.at < FRESH_MS) return known.values;
  const [waitP50Ms, waitP95Ms, waitP99Ms] = mergedQuantiles(
    all.map((stats) => stats.waits),
    QUANTILES,
  ) as [number, number, number];
  const [p50Ms, p95Ms, p99Ms] = mergedQuantiles(
    all.flatMap((stats) => [stats.alone, stats.pipelined]),
    QUANTILES,
  ) as [number, number, number];
  const values = { waitP50Ms, waitP95Ms, waitP99Ms, p50Ms, p95Ms, p99Ms };
  percentiles.set(first, { values, calls, at: now });
  return values;
}

/** Looks through all texts, about 1 ms for 800: for operators. */
export function statementText(registries: readonly StatementStatsRegistry[], id: string): string | undefined {
  for (const registry of registries) {
    for (const { text, isWhole } of registry.all()) if (isWhole && statementHash(text) === id) return text;
  }
  return undefined;
}

type Name = Pick<StatementFigures, 'id' | 'text' | 'shape'>;
/** A name takes two hashes of the whole text, and a search for its values. */
const names = new WeakMap<StatementStats, Name>();

function named(stats: StatementStats): Name {
  let name = names.get(stats);
  if (name === undefined) {
    const { text } = stats;
    const shape = statementHash(statementShape(text));
    name = { id: statementHash(text), text: redactStatement(text).slice(0, MAX_TEXT_LENGTH), shape };
    names.set(stats, name);
  }
  return name;
}
