/** An instance takes at most half of the free connections when it starts, so that later ones find room as well. */
import type { PoolKind } from '../pool/options.ts';

export type PoolSizes = Readonly<Partial<Record<PoolKind, number>>>;

const MINIMUM: Readonly<Record<PoolKind, number>> = { write: 2, read: 2, analytics: 1, admin: 1 };

/** `fixed` pools are not shrunk. `free`: what no other instance has or may open; undefined where not known. */
export function fitPools(wanted: PoolSizes, fixed: ReadonlySet<PoolKind>, free: number | undefined): PoolSizes {
  if (free === undefined) return wanted;
  const entries = Object.entries(wanted) as [PoolKind, number][];
  const sum = (of: readonly [PoolKind, number][]) => of.reduce((total, [, size]) => total + size, 0);
  const given = entries.filter(([kind]) => fixed.has(kind));
  const flexible = entries.filter(([kind]) => !fixed.has(kind));
  // The watcher's connection counts, too.
  const budget = Math.floor(free / 2) - 1 - sum(given);
  const total = sum(flexible);
  if (total <= budget) return wanted;
  const fitted = flexible.map(([kind, size]) => {
    const share = Math.floor((size * Math.max(0, budget)) / total);
    return [kind, Math.min(size, Math.max(MINIMUM[kind], share))] as const;
  });
  return Object.fromEntries([...given, ...fitted]);
}
