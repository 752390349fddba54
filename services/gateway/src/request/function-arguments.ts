import { sliceArray } from '@tidemark/contracts';
import { type CallArguments, type Catalog, chooseRoutine, type Routine, takesBody } from '@tidemark/plan';
import { parseQuery, type Query } from '@tidemark/query';
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
  const filters = filterNames(all, candidates);
  const given = [
    ...new Set(
      all.args
        .filter(([key, value]) => names.size === 0 || names.has(key) || !isFilter(key, value))
        .map(([key]) => key),
    ),
  ];
  const filtersOnly =
    names.size === 0 && candidates.some((routine) => routine.args.length === 0 && routine.resultColumns !== null);
  const isArgument = (key: string) => !filters.has(key);
  const routine = chooseRoutine(catalog, schema, name, filtersOnly ? [] : given.filter(isArgument), null);
  const argumentNames = new Set(routine.args.map((argument) => argument.name).filter(isArgument));
  const query = parseQuery(search, { target: 'function', argumentNames });
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

/**
 * Names that are arguments and columns of the result: as in PostgREST, `id=eq.1` is then a filter. They are so only
 * where every pair of the name has an operator; the text arguments of other functions may look like one.
 */
function filterNames({ args, where }: Query, candidates: readonly Routine[]): ReadonlySet<string> {
  const filtered = new Set(where.flatMap((condition) => ('field' in condition ? [condition.field.name] : [])));
  const columns = new Set(candidates.flatMap((routine) => routine.resultColumns ?? []));
  const found = new Set<string>();
  for (const name of filtered) {
    const pairs = args.filter(([key]) => key === name);
    const isFilter = where.filter((condition) => 'field' in condition && condition.field.name === name).length;
    if (columns.has(name) && pairs.length === isFilter) found.add(name);
  }
  return found;
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
    const pairs = [...new URLSearchParams(body)];
    const routine = chooseRoutine(catalog, schema, name, [...new Set(pairs.map(([key]) => key))], null);
    return { routine, query, args: { kind: 'pairs', pairs } };
  }
  const { keys, text } = contentType.startsWith('application/json') ? objectOf(body) : { keys: null, text: body };
  const named = keys && query.columns ? keys.filter((key) => query.columns?.includes(key)) : keys;
  // No argument is called `?`: a body that is no JSON object fits only a function that takes the whole body.
  const routine = chooseRoutine(catalog, schema, name, named ?? ['?'], contentType);
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
