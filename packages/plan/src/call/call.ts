import type { Statement } from '@tidemark/db';
import type { Pair, Query, RowsMedia } from '@tidemark/query';
import type { Argument, Catalog, Relation, Routine } from '../catalog/catalog.ts';
import { ambiguousFunction, unknownFunction } from '../catalog/suggestions.ts';
import { countSql, planContext } from '../read/read.ts';
import { bodySql, boundedBodySql, scalarBodySql } from '../sql/body.ts';
import type { Source } from '../sql/fields.ts';
import { planLevel } from '../sql/level.ts';
import { selectSql } from '../sql/level-sql.ts';
import { identifier, Params, qualified } from '../sql/params.ts';

/** The arguments of a call: named values as text (GET), a JSON object (POST), or a body as the only argument. */
export type CallArguments =
  | { readonly kind: 'pairs'; readonly pairs: readonly Pair[] }
  | { readonly kind: 'json'; readonly text: string; readonly keys: readonly string[] }
  | { readonly kind: 'body'; readonly text: string };

export function chooseRoutine(
  catalog: Catalog,
  schema: string,
  name: string,
  given: readonly string[],
  contentType: string | null,
): Routine {
  const candidates = catalog.routines(schema, name);
  const fitting = candidates.filter((routine) => fits(routine, given));
  if (fitting.length === 1) return fitting[0] as Routine;
  if (fitting.length > 1) throw ambiguousFunction(fitting);
  // A function with one unnamed argument takes the whole body.
  const whole = contentType === null ? undefined : candidates.find((routine) => takesBody(routine, contentType));
  if (whole) return whole;
  throw unknownFunction(catalog, schema, name, given);
}

function fits(routine: Routine, given: readonly string[]): boolean {
  if (routine.args.some((argument) => argument.name === '')) return routine.args.length === 0 && given.length === 0;
  const names = new Set(routine.args.map((argument) => argument.name));
  return (
    given.every((name) => names.has(name)) &&
    routine.args.every((argument) => argument.hasDefault || argument.variadic || given.includes(argument.name))
  );
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

export function planCall(
  catalog: Catalog,
  routine: Routine,
  query: Query,
  args: CallArguments,
  options: CallOptions,
): Statement {
  const params = new Params();
  const { call, from } = callSql(routine, args, params);
  const settings = `nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status`;
  const unused = 'null::text as key, null::int8 as inserted';

  if (returnsScalars(routine)) {
    const value = `select ${call} as "value"${from ? ` from ${from}` : ''}`;
    const body = routine.returnsVoid
      ? 'max(null::text)'
      : scalarBodySql(options.media, routine.returnsSet, answersBytes(routine, options.media));
    const total = options.exactCount ? 'count(*)' : 'null::int8';
    return {
      text: `select ${BOUNDED} from (select ${body} as body, count(*) as rows, ${total} as total, ${unused}, ${settings} from (${value}) as "_t") as "_a"`,
      params: params.values,
    };
  }

  const relation = routine.resultRelation
    ? (catalog.relation(routine.resultRelation.schema, routine.resultRelation.name) ?? null)
    : null;
  const alias = identifier(routine.name);
  const result = `select ${alias}.* from ${from ? `${from}, lateral ` : ''}${call} as ${alias}`;
  const level = planLevel(planContext(catalog, params, options.maxRows), query, {
    ...sourceOf(routine, relation),
    rows: 'statement',
  });
  const called = `"_called" as ${alias}`;
  const select = selectSql(level, called);
  const total = options.exactCount ? countSql(level, called) : 'null::int8';
  const media =
    !routine.returnsSet && options.media.kind === 'json'
      ? { ...options.media, kind: 'object' as const }
      : options.media;
  return {
    text: `with "_called" as materialized (${result}) select ${BOUNDED} from (select ${bodySql(media)} as body, count("_t") as rows, ${total} as total, ${unused}, ${settings} from (${select}) as "_t") as "_a"`,
    params: params.values,
  };
}

export function planCallExport(catalog: Catalog, routine: Routine, query: Query, args: CallArguments): Statement {
  const params = new Params();
  const { call, from } = callSql(routine, args, params);
  if (returnsScalars(routine)) {
    return { text: `select ${call} as "value"${from ? ` from ${from}` : ''}`, params: params.values };
  }
  const relation = routine.resultRelation
    ? (catalog.relation(routine.resultRelation.schema, routine.resultRelation.name) ?? null)
    : null;
  const level = planLevel(planContext(catalog, params, null), query, sourceOf(routine, relation));
  return {
    text: selectSql(level, `${from ? `${from}, lateral ` : ''}${call} as ${identifier(routine.name)}`),
    params: params.values,
  };
}

const sourceOf = ({ name, resultColumns }: Routine, relation: Relation | null): Source => ({
  alias: name,
  relation,
  columns: resultColumns ?? [],
});

export const answersBytes = (routine: Routine, media: RowsMedia): boolean =>
  media.kind === 'octet-stream' && routine.returnType === 'bytea' && returnsScalars(routine);

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
