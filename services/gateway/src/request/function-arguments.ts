import { sliceArray } from '@tidemark/contracts';
import { type CallArguments, type Catalog, chooseRoutine, formPairs, type Routine, takesBody } from '@tidemark/plan';
import { type Pair, parseQuery, type Query } from '@tidemark/query';
import { postgrest } from '../errors.ts';

export interface ParsedCall {
  readonly routine: Routine;
  readonly query: Query;
  readonly args: CallArguments;
}

export function parseGetCall(catalog: Catalog, schema: string, name: string, search: string): ParsedCall {
  const candidates = catalog.routines(schema, name);
  const names = new Set(candidates.flatMap((routine) => routine.args.map((argument) => argument.name)));
  // A pair is an argument where its name is one; where no candidate has arguments, every pair is a filter.
  const all = parseQuery(search, { target: 'function' });
  const filterNames = filteredColumns(all, candidates);
  const isArgument = ([key, value]: Pair) =>
    names.size === 0 || (names.has(key) && !filterNames.has(key)) || !isFilter(key, value);
  const given = new Set(all.args.filter(isArgument).map(([key]) => key));
  const filtersOnly =
    names.size === 0 && candidates.some((routine) => routine.args.length === 0 && routine.resultColumns !== null);
  const routine = chooseRoutine(catalog, schema, name, filtersOnly ? [] : [...given], null);
  const argumentNames = new Set(routine.args.map((argument) => argument.name));
  const query = parseQuery(search, { target: 'function', argumentNames, filterNames });
  return { routine, query, args: { kind: 'pairs', pairs: query.args } };
}

/** A pair that is no filter can only be an argument, perhaps of another function. */
function isFilter(key: string, value: string): boolean {
  try {
    parseQuery(`${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
    return true;
  } catch {
    return false; // The error of the call names the argument.
  }
}

/** As in PostgREST, `id=eq.1` is a filter where the result has a column `id`, also beside an argument `id=1`. */
function filteredColumns({ where }: Query, candidates: readonly Routine[]): ReadonlySet<string> {
  const columns = new Set(candidates.flatMap((routine) => routine.resultColumns ?? []));
  const filtered = where.flatMap((condition) => ('field' in condition ? [condition.field.name] : []));
  return new Set(filtered.filter((name) => columns.has(name)));
}

export interface CallBody {
  readonly search: string;
  readonly contentType: string;
  readonly body: string;
}

export function parseBodyCall(
  catalog: Catalog,
  schema: string,
  name: string,
  { search, contentType, body }: CallBody,
): ParsedCall {
  const query = parseQuery(search);
  if (contentType.startsWith('application/x-www-form-urlencoded')) {
    const pairs = formPairs(body);
    const routine = chooseRoutine(catalog, schema, name, [...new Set(pairs.map(([key]) => key))], null);
    return { routine, query, args: { kind: 'pairs', pairs } };
  }
  const { keys, text } = contentType.startsWith('application/json') ? objectOf(body) : { keys: null, text: body };
  const named = keys && query.columns ? keys.filter((key) => query.columns?.includes(key)) : keys;
  const routine = chooseRoutine(catalog, schema, name, named, contentType);
  if (takesBody(routine, contentType)) return { routine, query, args: { kind: 'body', text: body } };
  return { routine, query, args: { kind: 'json', text: text.trim() === '' ? '{}' : text, keys: named ?? [] } };
}

/** Returns the object of the arguments. As in PostgREST, the first object of an array counts. */
function objectOf(text: string): { keys: string[] | null; text: string } {
  if (text.trim() === '') return { keys: [], text };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw postgrest.PGRST102(
      { reason: 'Empty or invalid json', hint: 'Send the arguments as one JSON object.' },
      { cause },
    );
  }
  const object: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return { keys: null, text };
  return { keys: Object.keys(object), text: Array.isArray(parsed) ? (sliceArray(text)[0] ?? '{}') : text };
}
