/** The errors of this package. PGRST codes and their messages are PostgREST's; QUERY codes are Tidemark's. */
import { defineErrors, row } from '@tidemark/contracts';
import type { Limits } from './limits.ts';

/** Maximum characters of received text in a message. */
const ECHO_LENGTH = 200;

function echo(text: string): string {
  return text.length <= ECHO_LENGTH ? text : `${text.slice(0, ECHO_LENGTH)}…`;
}

export interface ParseProblem {
  what: string;
  text: string;
  line: number;
  column: number;
  unexpected: string;
  expecting: string;
  hint: string;
}

const REMEDY: Record<keyof Limits, string> = {
  queryLength: 'Send a shorter query, or call a function by POST, whose arguments travel in the body.',
  pairs: 'Send fewer parameters, or call a function by POST.',
  conditions: 'Replace many eq filters by one in.(…), or move the condition into a view or a function.',
  logicDepth: 'Flatten the and/or groups, or move the condition into a view or a function.',
  embedDepth: 'Request the deeper tables separately, or create a view.',
  selectNodes: 'Select fewer columns, or use *.',
  inValues: 'Split the list over several requests, or call a function by POST with an array.',
  listItems: 'Name fewer columns.',
  jsonSteps: 'Shorten the JSON path, or create a view or a generated column.',
};

const NAMES: Record<keyof Limits, string> = {
  queryLength: 'characters in the query string',
  pairs: 'parameters',
  conditions: 'filters and groups',
  logicDepth: 'groups inside groups',
  embedDepth: 'embeds inside embeds',
  selectNodes: 'columns and embeds in select',
  inValues: 'values in one in.(…)',
  listItems: 'names in one list',
  jsonSteps: 'arrows in one JSON path',
};

/** https://docs.postgrest.org/en/v13/references/errors.html */
export const postgrest = defineErrors('', {
  PGRST100: row<ParseProblem>({
    status: 400,
    message: (p) => `"failed to parse ${p.what} (${echo(p.text)})" (line ${p.line}, column ${p.column})`,
    details: (p) => `unexpected ${p.unexpected}${p.expecting ? ` expecting ${p.expecting}` : ''}`,
    hint: (p) => p.hint,
  }),
  PGRST103: row<{ details: string; total?: number }>({
    status: 416,
    headers: (p): Record<string, string> => (p.total === undefined ? {} : { 'content-range': `*/${p.total}` }),
    message: 'Requested range not satisfiable',
    details: (p) => p.details,
    hint: 'Send limit, offset or Range as whole numbers of 0 or more, within the number of rows.',
  }),
  PGRST107: row<{ accept: string; available: readonly string[] }>({
    status: 406,
    message: (p) => `None of these media types are available: ${echo(p.accept)}`,
    hint: (p) => `Send one of these in Accept: ${p.available.join(', ')}.`,
  }),
  PGRST108: row<{ name: string }>({
    status: 400,
    message: (p) => `'${echo(p.name)}' is not an embedded resource in this request`,
    hint: (p) => `Verify that '${echo(p.name)}' is included in the 'select' query parameter.`,
  }),
  PGRST122: row<{ invalid: readonly string[] }>({
    status: 400,
    message: 'Invalid preferences given with handling=strict',
    details: (p) => `Invalid preferences: ${echo(p.invalid.join(', '))}`,
    hint: 'Correct or remove them, or send handling=lenient to have them ignored.',
  }),
});

export const errors = defineErrors('QUERY', {
  TOO_LONG: row<{ received: number; limit: number }>({
    status: 414,
    message: (p) => `The query string has ${p.received} characters; the limit is ${p.limit}`,
    hint: REMEDY.queryLength,
  }),
  TOO_COMPLEX: row<{ limit: Exclude<keyof Limits, 'queryLength'>; max: number }>({
    status: 400,
    message: (p) => `The query has too many ${NAMES[p.limit]}; the limit is ${p.max}`,
    hint: (p) => REMEDY[p.limit],
  }),
  DUPLICATE: row<{ key: string; first: string; second: string }>({
    status: 400,
    message: (p) => `The parameter '${echo(p.key)}' is given twice: '${echo(p.first)}' and '${echo(p.second)}'`,
    hint: (p) => `Send '${echo(p.key)}' once. Only filters, and=, or= and function arguments may be repeated.`,
  }),
  BAD_TEXT: row<{ key: string; problem: string }>({
    status: 400,
    message: (p) => `The parameter '${echo(p.key)}' holds ${p.problem}, which Postgres cannot store as text`,
    hint: 'Percent-encode the value as UTF-8 without NUL (encodeURIComponent, or URLSearchParams).',
  }),
  BAD_CURSOR: row<{ key: string; value: string }>({
    status: 400,
    message: (p) => `'${echo(p.value)}' is not a value for '${p.key}'`,
    hint: (p) =>
      p.key === 'after'
        ? 'Send the cursor exactly as it was in the Link header of the page before.'
        : 'Send the tidemark exactly as it was in the Tidemark header of an answer.',
  }),
  MISSING_COLUMN: row<{ column: string }>({
    status: 500,
    message: (p) => `A row to be matched lacks the column '${echo(p.column)}', which the filter reads`,
    hint: 'Match whole row images: set REPLICA IDENTITY FULL, so that unchanged columns are in the change.',
  }),
  BAD_ROW_VALUE: row<{ column: string; type: string; value: string }>({
    status: 500,
    message: (p) =>
      `The column '${echo(p.column)}' holds '${echo(p.value)}', which is not a ${p.type} in ISO text form`,
    hint: 'Give values as to_jsonb or pgoutput write them, under DateStyle ISO, with the type that the column has now.',
  }),
});
