/**
 * Limits multiply along a path of to-many embeds, so a few rows in small tables could become a response of any size.
 */
import type { Level } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { findRelationship } from '../catalog/find-relationship.ts';
import { errors, postgrest } from '../errors.ts';
import { fixesKey } from './fixed-columns.ts';

export interface EmbedLimits {
  maxRows: number;
  /** The maximum product of the numbers of rows along a path. */
  maxEmbedRows: number;
  /** False: aggregates are refused. */
  aggregates?: boolean;
}

/** A function that returns no rows of a relation (null) cannot have embeds. */
export function checkLimits(catalog: Catalog, relation: Relation | null, root: Level, limits: EmbedLimits): void {
  if (limits.aggregates === false && hasAggregates(root)) throw postgrest.PGRST123();
  if (relation === null || !root.select.some((item) => item.kind === 'embed')) return;
  const first = fixesKey(relation.uniqueKey, root.where) ? 1 : rowsOf(root, limits);
  checkBelow(catalog, limits, { relation, level: root, rows: first, path: [] });
}

const hasAggregates = ({ select }: Level): boolean =>
  select.some(
    (item) =>
      item.kind === 'count' ||
      (item.kind === 'column' && item.aggregate !== null) ||
      (item.kind === 'embed' && hasAggregates(item)),
  );

interface Place {
  relation: Relation;
  level: Level;
  /** The maximum number of rows of the level in one response. */
  rows: number;
  path: readonly string[];
}

function checkBelow(catalog: Catalog, limits: EmbedLimits, { relation, level, rows, path }: Place): void {
  for (const item of level.select) {
    if (item.kind !== 'embed') continue;
    const { to, toOne } = findRelationship(catalog, relation, item);
    const below = toOne ? rows : rows * rowsOf(item, limits);
    const here = [...path, item.alias ?? item.name];
    if (below > limits.maxEmbedRows) {
      throw errors.EMBED_ROWS({ path: here.join('.'), rows: below, maximum: limits.maxEmbedRows });
    }
    const target = catalog.relation(to.schema, to.name);
    if (target) checkBelow(catalog, limits, { relation: target, level: item, rows: below, path: here });
  }
}

const rowsOf = ({ limit }: Level, { maxRows }: EmbedLimits): number => Math.min(limit ?? maxRows, maxRows);
