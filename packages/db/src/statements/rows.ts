import { redactStatement, type StatementFigures, statementShape } from '@tidemark/contracts';
import { LRUCache } from 'lru-cache';
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
    .map((all) => ({ all, totalMs: sum(all, (stats) => stats.totalMs) }))
    .filter(({ all }) => sum(all, ({ callsTotal }) => callsTotal) > 0)
    .sort((a, b) => b.totalMs - a.totalMs)
    .slice(0, max)
    .map(({ all, totalMs }) => {
      const waits = mergedQuantiles(
        all.map((stats) => stats.waits),
        QUANTILES,
      );
      const runs = mergedQuantiles(
        all.flatMap((stats) => [stats.alone, stats.pipelined]),
        QUANTILES,
      );
      return {
        ...named(all[0]!.text),
        callsTotal: sum(all, (stats) => stats.callsTotal),
        errorsTotal: sum(all, (stats) => stats.errorsTotal),
        slowTotal: sum(all, (stats) => stats.slowTotal),
        rowsTotal: sum(all, (stats) => stats.rowsTotal),
        bytesTotal: sum(all, (stats) => stats.bytesTotal),
        totalMs,
        waitP50Ms: waits[0]!,
        waitP95Ms: waits[1]!,
        waitP99Ms: waits[2]!,
        p50Ms: runs[0]!,
        p95Ms: runs[1]!,
        p99Ms: runs[2]!,
      };
    });
}

/** Looks through all texts, about 1 ms for 800: for operators. */
export function statementText(registries: readonly StatementStatsRegistry[], id: string): string | undefined {
  for (const registry of registries) {
    for (const { text, isWhole } of registry.all()) if (isWhole && statementHash(text) === id) return text;
  }
  return undefined;
}

const MAX_NAMES = 500;
type Name = Pick<StatementFigures, 'id' | 'text' | 'shape'>;
const names = new LRUCache<string, Name>({ max: MAX_NAMES });
/** Longer texts are named anew each time: 500 of this length take 4 MB. */
const MAX_NAMED_LENGTH = 4_096;

function named(text: string): Name {
  let name = names.get(text);
  if (name === undefined) {
    const shape = statementHash(statementShape(text));
    name = { id: statementHash(text), text: redactStatement(text).slice(0, MAX_TEXT_LENGTH), shape };
    if (text.length <= MAX_NAMED_LENGTH) names.set(text, name);
  }
  return name;
}
