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
  const { args: pairs } = parseQuery(search, { target: 'function' });
  const given = [...new Set(pairs.map(([key]) => key))].filter((key) => names.size === 0 || names.has(key));
  const filtersOnly =
    names.size === 0 && candidates.some((routine) => routine.args.length === 0 && routine.resultColumns !== null);
  const routine = chooseRoutine(catalog, schema, name, filtersOnly ? [] : given, null);
  const argumentNames = new Set(routine.args.map((argument) => argument.name));
  const query = parseQuery(search, { target: 'function', argumentNames });
  return { routine, query, args: { kind: 'pairs', pairs: query.args } };
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
  const keys = contentType.startsWith('application/json') ? objectKeys(body) : null;
  // No argument is called `?`: a body that is no JSON object fits only a function that takes the whole body.
  const routine = chooseRoutine(catalog, schema, name, keys ?? ['?'], contentType);
  if (takesBody(routine, contentType)) return { routine, query, args: { kind: 'body', text: body } };
  return { routine, query, args: { kind: 'json', text: body.trim() === '' ? '{}' : body, keys: keys ?? [] } };
}

function objectKeys(text: string): string[] | null {
  if (text.trim() === '') return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw postgrest.PGRST102(
      { reason: 'Empty or invalid json', hint: 'Send the arguments as one JSON object.' },
      { cause },
    );
  }
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? Object.keys(parsed) : null;
}
