import type { Statement } from '@tidemark/db';
import type { Level, Pair, Query, RowsMedia } from '@tidemark/query';
import type { Argument, Catalog, Routine } from '../catalog/catalog.ts';
import { ambiguousFunction, unknownFunction } from '../catalog/suggestions.ts';
import { countSql } from '../read/read.ts';
import { bodySql, boundedBodySql, scalarBodySql } from '../sql/body.ts';
import { outputOf, planContext } from '../sql/context.ts';
import type { Source } from '../sql/fields.ts';
import { planLevel } from '../sql/level.ts';
import { type PlanContext, selectSql } from '../sql/level-sql.ts';
import { columnOf, identifier, Params, qualified } from '../sql/params.ts';
import { responseSettingsSql } from '../sql/response-settings.ts';

/** The arguments of a call: named values as text (GET), a JSON object (POST), or a body as the only argument. */
export type CallArguments =
  | { readonly kind: 'pairs'; readonly pairs: readonly Pair[] }
  | { readonly kind: 'json'; readonly text: string; readonly keys: readonly string[] }
  | { readonly kind: 'body'; readonly text: string };

/** `given` has the names of the arguments; null: the body is no object, and only a function that takes all of it fits. */
export function chooseRoutine(
  catalog: Catalog,
  schema: string,
  name: string,
  given: readonly string[] | null,
  contentType: string | null,
): Routine {
  const candidates = catalog.routines(schema, name);
  const fitting = given === null ? [] : candidates.filter((routine) => fits(routine, given));
  if (fitting.length === 1) return fitting[0] as Routine;
  if (fitting.length > 1) throw ambiguousFunction(fitting);
  // A function with one unnamed argument takes the whole body.
  const whole = contentType === null ? [] : candidates.filter((routine) => takesBody(routine, contentType));
  if (whole.length > 1) throw ambiguousFunction(whole);
  if (whole[0]) return whole[0];
  const searched = {
    schema,
    name,
    args: given?.toSorted() ?? [],
    whole: contentType === null ? null : wholeType(contentType),
  };
  throw unknownFunction(catalog, searched);
}

function fits(routine: Routine, given: readonly string[]): boolean {
  if (routine.args.some((argument) => argument.name === '')) return routine.args.length === 0 && given.length === 0;
  const names = new Set(routine.args.map((argument) => argument.name));
  return (
    given.every((name) => names.has(name)) &&
    routine.args.every((argument) => argument.hasDefault || argument.variadic || given.includes(argument.name))
  );
}

function wholeType(contentType: string): 'text' | 'xml' | 'bytea' | 'json/jsonb' {
  if (contentType.startsWith('text/plain')) return 'text';
  if (contentType.startsWith('text/xml')) return 'xml';
  return contentType.startsWith('application/octet-stream') ? 'bytea' : 'json/jsonb';
}

export function takesBody(routine: Routine, contentType: string): boolean {
  const [only, ...more] = routine.args;
  if (!only || more.length > 0 || only.name !== '') return false;
  if (contentType.startsWith('application/json')) return only.type === 'json' || only.type === 'jsonb';
  if (contentType.startsWith('text/plain')) return only.type === 'text';
  if (contentType.startsWith('application/octet-stream')) return only.type === 'bytea';
  return contentType.startsWith('text/xml') && only.type === 'xml';
}

export interface CallOptions {
  media: RowsMedia;
  exactCount: boolean;
  maxRows: number | null;
}

const BOUNDED = `${boundedBodySql()}, "_a".rows, "_a".total, "_a".key, "_a".inserted, "_a".headers, "_a".status`;
const UNUSED = 'null::text as key, null::int8 as inserted';

export function planCall(
  catalog: Catalog,
  routine: Routine,
  query: Query,
  args: CallArguments,
  options: CallOptions,
): Statement {
  const params = new Params();
  const context = planContext(catalog, params, options.maxRows, outputOf(options.media.kind));
  const { called, level, from } = planRows(context, routine, query, args);
  const total = options.exactCount ? countSql(level, from) : 'null::int8';
  const body = callBodySql(routine, options.media);
  return {
    text: `with "_called" as materialized (${called}) select ${BOUNDED} from (select ${body} as body, count("_t".*) as rows, ${total} as total, ${UNUSED}, ${responseSettingsSql} from (${selectSql(level, from)}) as "_t") as "_a"`,
    params: params.values,
  };
}

/** Reads every row of the function once, before the response settings are read. */
function planRows(context: PlanContext, routine: Routine, query: Query, args: CallArguments) {
  const { call, from: input } = callSql(routine, args, context.params);
  const alias = context.alias(routine.name);
  const source = sourceOf(context.catalog, routine, alias);
  const from = `"_called" as ${identifier(alias)}`;
  if (!returnsScalars(routine)) {
    const rows = `${input ? `${input}, lateral ` : ''}${call} as ${identifier(alias)}`;
    const level = planLevel(context, query, { ...source, rows: 'statement' });
    return { called: `select ${identifier(alias)}.* from ${rows}`, from, level };
  }
  const value = { name: 'value', sql: columnOf(alias, 'value'), aggregated: false };
  const level = { ...planLevel(context, valuesOnly(routine, query), source), outputs: [value] };
  return { called: valuesSql(call, input), from, level };
}

/** In FROM, a value that is a row would become columns. */
const valuesSql = (call: string, input: string | null) => `select ${call} as "value"${input ? ` from ${input}` : ''}`;

/** Values have no columns to select, filter or order by. */
const valuesOnly = ({ returnsSet }: Routine, { limit, offset }: Level): Level => ({
  select: [],
  where: [],
  order: [],
  limit: returnsSet ? limit : null,
  offset: returnsSet ? offset : 0,
});

function callBodySql(routine: Routine, media: RowsMedia): string {
  if (routine.returnsVoid) return 'max(null::text)';
  if (returnsScalars(routine)) return scalarBodySql(media, routine.returnsSet, answersBytes(routine, media));
  if (routine.returnsSet || media.kind !== 'json') return bodySql(media);
  // A filter may have removed the only row.
  return `coalesce(${bodySql({ ...media, kind: 'object' })}, 'null')`;
}

export function planCallExport(
  catalog: Catalog,
  routine: Routine,
  query: Query,
  args: CallArguments,
  kind?: string,
): Statement {
  const params = new Params();
  const context = planContext(catalog, params, null, outputOf(kind));
  const { call, from: input } = callSql(routine, args, params);
  const alias = context.alias(routine.name);
  const source = sourceOf(catalog, routine, alias);
  if (returnsScalars(routine)) {
    const { limit } = planLevel(context, valuesOnly(routine, query), source);
    return { text: `${valuesSql(call, input)}${limit}`, params: params.values };
  }
  const rows = `${input ? `${input}, lateral ` : ''}${call} as ${identifier(alias)}`;
  return { text: selectSql(planLevel(context, query, source), rows), params: params.values };
}

function sourceOf(catalog: Catalog, routine: Routine, alias: string): Source {
  const { name, resultColumns, resultTypes, resultRelation: of } = routine;
  const relation = of ? (catalog.relation(of.schema, of.name) ?? null) : null;
  return { alias, label: name, relation, columns: resultColumns ?? [], types: resultTypes ?? [] };
}

export const answersBytes = (routine: Routine, media: RowsMedia): boolean =>
  media.own
    ? media.own.isBytes
    : media.kind === 'octet-stream' && routine.returnType === 'bytea' && returnsScalars(routine);

export const returnsScalars = (routine: Routine): boolean => routine.resultColumns === null && !routine.resultRelation;

function callSql(routine: Routine, args: CallArguments, params: Params): { call: string; from: string | null } {
  const name = qualified(routine);
  switch (args.kind) {
    case 'body': {
      const type = routine.args[0]?.type ?? 'text';
      return { call: `${name}(${params.bind(args.text)}::${type})`, from: null };
    }
    case 'pairs': {
      const given = routine.args.filter((argument) => args.pairs.some(([key]) => key === argument.name));
      const values = given.map((argument) => {
        const texts = args.pairs.filter(([key]) => key === argument.name).map(([, value]) => value);
        return `${argumentName(argument)} => ${argumentValue(argument, texts, params)}`;
      });
      return { call: `${name}(${values.join(', ')})`, from: null };
    }
    case 'json': {
      const given = routine.args.filter((argument) => args.keys.includes(argument.name));
      if (given.length === 0) return { call: `${name}()`, from: null };
      const columns = given.map((argument) => `${identifier(argument.name)} ${argument.type}`).join(', ');
      const values = given.map((argument) => `${argumentName(argument)} => "_args".${identifier(argument.name)}`);
      return {
        call: `${name}(${values.join(', ')})`,
        from: `json_to_record(${params.bind(args.text)}::json) as "_args"(${columns})`,
      };
    }
  }
}

const argumentName = (argument: Argument) => `${argument.variadic ? 'variadic ' : ''}${identifier(argument.name)}`;

function argumentValue(argument: Argument, texts: readonly string[], params: Params): string {
  if (!argument.variadic) return `${params.bind(texts.at(-1) ?? '')}::${argument.type}`;
  return `array[${texts.map((text) => params.bind(text)).join(', ')}]::${argument.type}`;
}
