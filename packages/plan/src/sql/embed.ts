import type { Condition, Embed, Field, Level } from '@tidemark/query';
import { type Relation, type RelationRef, type Relationship, refKey } from '../catalog/catalog.ts';
import { findRelationship } from '../catalog/find-relationship.ts';
import { postgrest } from '../errors.ts';
import { aggregateOutput, fieldSql, type Source, typedRowSql } from './fields.ts';
import { type EmbedJoin, type LevelSql, type LevelUse, type Output, type PlanContext, selectSql } from './level-sql.ts';
import { columnOf, identifier, qualified } from './params.ts';

type PlanLevel = (context: PlanContext, level: Level, source: Source, use: LevelUse) => LevelSql;

/** `planLevel` (level.ts) plans the embedded level, which may have embeds of its own. */
export function planEmbed(
  context: PlanContext,
  embed: Embed,
  parent: Source,
  use: Pick<LevelUse, 'grouped' | 'hoists'>,
  planLevel: PlanLevel,
): EmbedJoin {
  if (!parent.relation) {
    throw postgrest.PGRST200({ parent: parent.label ?? parent.alias, child: embed.name, schema: '' });
  }
  const relationship = findRelationship(context.catalog, parent.relation, embed);
  const relation = relationOf(context, relationship.to, parent.relation, embed);
  const child: Source = { alias: context.alias(embed.name), relation };
  const lateral = context.alias(`${embed.name}_row`);
  const { from, where } = related(context, relationship, parent, child);
  const join = { embed, relationship, lateral, kind: embed.join === 'inner' ? 'inner' : 'left' };
  if (!relationship.toOne) {
    const level = planLevel(context, embed, child, { expands: embed.spread });
    return toManyJoin(join, level, (named) => selectSql(named, from, where), use.grouped === true);
  }
  const single = hasOneRow(relationship, relation) ? 'proven' : 'first';
  const level = planLevel(context, embed, child, {
    single,
    ...(embed.spread && { expands: true, grouped: use.grouped === true, hoists: true }),
  });
  return toOneJoin(context, join, level, (named) => selectSql(named, from, where), use);
}

interface Join {
  readonly embed: Embed;
  readonly relationship: Relationship;
  readonly lateral: string;
  readonly kind: string;
}

type Select = (level: LevelSql) => string;

/** The columns of a spread are numbered in the join, because their names may be equal. */
const numbered = (level: LevelSql): LevelSql => ({
  ...level,
  outputs: level.outputs.map((output, i) => ({ ...output, name: `c${i + 1}` })),
});

function toOneJoin(
  context: PlanContext,
  { embed, relationship, lateral, kind }: Join,
  level: LevelSql,
  select: Select,
  { grouped, hoists }: Pick<LevelUse, 'grouped' | 'hoists'>,
): EmbedJoin {
  const row = `${identifier(lateral)}.*`;
  const name = embed.alias ?? embed.name;
  const columns = level.outputs.map((_, i) => columnOf(lateral, `c${i + 1}`));
  const spread = () =>
    level.outputs.map((output, i): Output => {
      const value = columns[i] as string;
      if (output.hoisted) return aggregateOutput(context, output.hoisted, value, { hoists: hoists === true });
      return { name: output.name, sql: value, aggregated: false };
    });
  const object = () => [{ name, sql: `${grouped ? 'to_jsonb' : 'row_to_json'}(${row})`, aggregated: false }];
  return {
    name,
    relationship,
    filters: kind === 'inner',
    sql: `${kind} join lateral (${select(embed.spread ? numbered(level) : level)}) as ${identifier(lateral)} on true`,
    outputs: embed.select.length === 0 ? [] : embed.spread ? spread() : object(),
    isNull: `${row} is not distinct from null`,
    columnOf: (field) =>
      embed.spread ? columns[level.outputs.findIndex(({ field: of }) => of && sameField(of, field))] : undefined,
  };
}

function toManyJoin(
  { embed, relationship, lateral, kind }: Join,
  level: LevelSql,
  select: Select,
  grouped: boolean,
): EmbedJoin {
  const row = identifier(lateral);
  const name = embed.alias ?? embed.name;
  const shown = embed.select.length === 0 ? [] : embed.spread ? level.outputs.map((output) => output.name) : [name];
  // The first column is null where there is no row.
  const values =
    shown.length === 0
      ? ['nullif(count(*), 0)']
      : shown.map((_, i) => `json_agg(${embed.spread ? columnOf(lateral, `c${i + 1}`) : `${row}.*`})`);
  const list = values.map((value, i) => `${value} as "c${i + 1}"`).join(', ');
  const first = columnOf(lateral, 'c1');
  const empty = (column: string) => (grouped ? `coalesce(${column}::jsonb, '[]')` : `coalesce(${column}, '[]')`);
  return {
    name,
    relationship,
    filters: kind === 'inner',
    sql: `${kind} join lateral (select ${list} from (${select(embed.spread ? numbered(level) : level)}) as ${row}) as ${row} on ${kind === 'inner' ? `${first} is not null` : 'true'}`,
    outputs: shown.map((output, i) => ({
      name: output,
      sql: empty(columnOf(lateral, `c${i + 1}`)),
      aggregated: false,
    })),
    isNull: `${first} is null`,
    columnOf: () => undefined,
  };
}

/** A function, a view or an inheriting table may have several rows where the key has one. */
function hasOneRow({ kind }: Relationship, { kind: of, primaryKey, uniqueKey }: Relation): boolean {
  if (kind === 'computed') return false;
  return uniqueKey.length > 0 || (primaryKey.length === 0 && of !== 'view' && of !== 'materialized view');
}

/** A join that selects no rows is left out as a whole, because Postgres refuses parameters that a statement does not use. */
const selectsRows = (embed: Embed, where: readonly Condition[]): boolean =>
  embed.join === 'inner' || where.some((condition) => testsEmbed(condition, embed.alias ?? embed.name));

const testsEmbed = (condition: Condition, name: string): boolean =>
  condition.kind === 'embed-null'
    ? condition.embed === name
    : (condition.kind === 'and' || condition.kind === 'or') &&
      condition.conditions.some((part) => testsEmbed(part, name));

/** Returns the value of the related row that the embed shows: its filters hold for the order, too. */
export function relatedValueSql(
  context: PlanContext,
  { embed, relationship, field }: { embed: Embed; relationship: Relationship; field: Field },
  parent: Source,
  planLevel: PlanLevel,
): string {
  const child: Source = {
    alias: context.alias(relationship.to.name),
    relation: context.catalog.relation(relationship.to.schema, relationship.to.name) ?? null,
  };
  const { from, where } = related(context, relationship, parent, child);
  const select = embed.select.filter((item) => item.kind === 'embed' && selectsRows(item, embed.where));
  const level = planLevel(context, { ...embed, select, order: [] }, child, { single: 'first', hoists: true });
  const value = { name: 'value', sql: fieldSql(child, field), aggregated: false };
  return `(${selectSql({ ...level, outputs: [value] }, from, where)})`;
}

const sameField = (a: Field, b: Field): boolean =>
  a.name === b.name && JSON.stringify(a.json) === JSON.stringify(b.json);

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
