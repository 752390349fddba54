import type { Embed, Field, Level } from '@tidemark/query';
import { type Relation, type RelationRef, type Relationship, refKey } from '../catalog/catalog.ts';
import { findRelationship } from '../catalog/find-relationship.ts';
import { postgrest } from '../errors.ts';
import { aggregateSql, fieldSql, outputName, plainValueSql, type Source, typedRowSql } from './fields.ts';
import { type EmbedJoin, type LevelSql, type Output, type PlanContext, selectSql } from './level-sql.ts';
import { columnOf, identifier, qualified } from './params.ts';

/** `planLevel` (level.ts) plans the embedded level, which may have embeds of its own. */
export function planEmbed(
  context: PlanContext,
  embed: Embed,
  parent: Source,
  grouped: boolean,
  planLevel: (context: PlanContext, level: Level, source: Source) => LevelSql,
): EmbedJoin {
  if (!parent.relation) {
    throw postgrest.PGRST200({ parent: parent.alias, child: embed.name, schema: '' });
  }
  const relationship = findRelationship(context.catalog, parent.relation, embed);
  const relation = relationOf(context, relationship.to, parent.relation, embed);
  const child: Source = { alias: context.alias(embed.name), relation };
  const lateral = context.alias(`${embed.name}_row`);
  const { from, where } = related(context, relationship, parent, child);
  const hoisted = embed.spread && relationship.toOne ? hoistAggregates(context, embed, child, lateral) : undefined;
  const level = planLevel(context, hoisted?.inner ?? embed, child);
  const outputs = hoisted ? [...level.outputs, ...hoisted.values] : level.outputs;
  const select = selectSql({ ...level, outputs }, from, where);
  const shared = { name: embed.alias ?? embed.name, relationship, filters: embed.join === 'inner' };
  const shows = embed.select.length > 0;
  const row = identifier(lateral);

  if (relationship.toOne) {
    const asJson = grouped ? `to_jsonb(${row}.*)` : `row_to_json(${row}.*)`;
    return {
      ...shared,
      sql: `${embed.join === 'inner' ? 'inner' : 'left'} join lateral (${select}) as ${row} on true`,
      outputs: !shows
        ? []
        : embed.spread
          ? [...spreadOutputs(level.outputs, relation, lateral), ...(hoisted?.outputs ?? [])]
          : [{ name: shared.name, sql: asJson, aggregated: false }],
      isNull: `${row} is not distinct from null`,
    };
  }

  const names = embed.spread ? expandedNames(level.outputs, relation) : [lateral];
  const aggregates = names
    .map((name) => {
      const value = embed.spread ? columnOf(lateral, name) : row;
      return `json_agg(${value}) as ${identifier(name)}`;
    })
    .join(', ');
  const first = columnOf(lateral, names[0] ?? lateral);
  const empty = (column: string) => (grouped ? `coalesce(${column}::jsonb, '[]')` : `coalesce(${column}, '[]')`);
  return {
    ...shared,
    sql: `${embed.join === 'inner' ? 'inner' : 'left'} join lateral (select ${aggregates} from (${select}) as ${row}) as ${row} on ${embed.join === 'inner' ? `${first} is not null` : 'true'}`,
    outputs: !shows
      ? []
      : embed.spread
        ? names.map((name) => ({ name, sql: empty(columnOf(lateral, name)), aggregated: false }))
        : [{ name: shared.name, sql: empty(first), aggregated: false }],
    isNull: `${first} is null`,
  };
}

export function relatedValueSql(
  context: PlanContext,
  relationship: Relationship,
  parent: Source,
  field: Field,
): string {
  const child: Source = {
    alias: context.alias(relationship.to.name),
    relation: context.catalog.relation(relationship.to.schema, relationship.to.name) ?? null,
  };
  const { from, where } = related(context, relationship, parent, child);
  return `(select ${fieldSql(child, field)} from ${from}${where.length ? ` where ${where.join(' and ')}` : ''} limit 1)`;
}

function related(context: PlanContext, relationship: Relationship, parent: Source, child: Source) {
  const target = `${qualified(relationship.to)} as ${identifier(child.alias)}`;
  switch (relationship.kind) {
    case 'key':
      return { from: target, where: [joinSql(parent.alias, child.alias, relationship.columns)] };
    case 'junction': {
      const junction = context.alias(relationship.junction.name);
      return {
        from: `${target}, ${qualified(relationship.junction)} as ${identifier(junction)}`,
        where: [
          joinSql(parent.alias, junction, relationship.near.columns),
          joinSql(junction, child.alias, relationship.far.columns),
        ],
      };
    }
    case 'computed':
      return {
        from: `${qualified(relationship.function)}(${parentRow(parent)}) as ${identifier(child.alias)}`,
        where: [],
      };
  }
}

/** Returns `"a"."x" = "b"."y" and …` for a relationship. */
function joinSql(
  left: string,
  right: string,
  columns: readonly { readonly from: string; readonly to: string }[],
): string {
  return columns.map((pair) => `${columnOf(left, pair.from)} = ${columnOf(right, pair.to)}`).join(' and ');
}

/** The row needs the parent's own type, even when it comes from the RETURNING of a write. */
function parentRow(parent: Source): string {
  const { relation, alias } = parent;
  return relation ? typedRowSql(alias, relation) : identifier(alias);
}

function relationOf(context: PlanContext, ref: RelationRef, parent: Relation, embed: Embed): Relation {
  const relation = context.catalog.relation(ref.schema, ref.name);
  if (!relation) throw postgrest.PGRST200({ parent: parent.name, child: embed.name, schema: refKey(ref) });
  return relation;
}

function spreadOutputs(outputs: readonly Output[], relation: Relation, lateral: string): Output[] {
  return expandedNames(outputs, relation).map((name) => ({
    name,
    sql: columnOf(lateral, name),
    aggregated: false,
  }));
}

function expandedNames(outputs: readonly Output[], relation: Relation): string[] {
  return outputs.flatMap((output) => (output.name === '*' ? [...relation.columns.keys()] : [output.name]));
}

/** Aggregates in a spread of a to-one embed belong to the parent: the join returns the values, and the parent aggregates them. */
function hoistAggregates({ catalog }: PlanContext, embed: Embed, child: Source, lateral: string) {
  const values: Output[] = [];
  const outputs: Output[] = [];
  for (const item of embed.select) {
    if (item.kind !== 'count' && !(item.kind === 'column' && item.aggregate)) continue;
    const hidden = `aggregate_${values.length + 1}`;
    const value = item.kind === 'count' ? '1' : plainValueSql(catalog, child, item);
    values.push({ name: hidden, sql: value, aggregated: false });
    outputs.push({
      name: outputName(item),
      sql: aggregateSql(catalog, item, columnOf(lateral, hidden)),
      aggregated: true,
    });
  }
  const inner: Embed = {
    ...embed,
    select: embed.select.filter((item) => item.kind !== 'count' && !(item.kind === 'column' && item.aggregate)),
  };
  return { values, outputs, inner };
}
