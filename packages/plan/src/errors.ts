/** PGRST codes and their wording are PostgREST's (its "Errors" page), GATEWAY codes are our own. */
import { defineErrors, row } from '@tidemark/contracts';

export interface SearchedFunction {
  readonly schema: string;
  readonly name: string;
  readonly args: readonly string[];
  /** The type of the argument without a name that would take the whole body. */
  readonly whole?: 'text' | 'xml' | 'bytea' | 'json/jsonb' | null;
}

const isBody = ({ whole = null }: SearchedFunction): boolean => whole !== null && whole !== 'json/jsonb';

function calledWith(searched: SearchedFunction): string {
  if (isBody(searched)) return '';
  return searched.args.length > 0 ? `(${searched.args.join(', ')})` : ' without parameters';
}

function searchedWith(searched: SearchedFunction): string {
  const { args, whole = null } = searched;
  const single = `with a single unnamed ${whole} parameter`;
  if (isBody(searched)) return single;
  const named =
    args.length > 0 ? `with parameter${args.length > 1 ? 's' : ''} ${args.join(', ')}` : 'without parameters';
  return whole === null ? named : `${named} or ${single}`;
}

export const postgrest = defineErrors('', {
  PGRST102: row<{ reason: string; hint: string }>({
    status: 400,
    message: (p) => p.reason,
    hint: (p) => p.hint,
  }),
  PGRST118: row<{ parent: string; child: string }>({
    status: 400,
    message: (p) => `A related order on '${p.child}' is not possible`,
    details: (p) => `'${p.parent}' and '${p.child}' do not form a many-to-one or one-to-one relationship`,
    hint: 'Order by a column of the table itself, or use a to-one embed.',
  }),
  PGRST120: row<{ name: string }>({
    status: 400,
    message: (p) => `Bad operator on the '${p.name.slice(0, 63)}' embedded resource`,
    details: 'Only is null or not is null filters are allowed on embedded resources',
    hint: (p) => `Filter on a column of it instead: ${p.name.slice(0, 63)}.<column>=<operator>.<value>`,
  }),
  PGRST123: row({
    status: 400,
    message: 'Use of aggregate functions is not allowed',
    hint: 'Select plain columns; operators may set DB_AGGREGATES_ENABLED=true.',
  }),
  PGRST200: row<{
    parent: string;
    child: string;
    schema: string;
    hint?: string;
    suggestion?: string;
    choices?: readonly string[];
  }>({
    status: 400,
    message: (p) => `Could not find a relationship between '${p.parent}' and '${p.child}' in the schema cache`,
    details: (p) =>
      `Searched for a foreign key relationship between '${p.parent}' and '${p.child}'${p.hint ? ` using the hint '${p.hint}'` : ''} in the schema '${p.schema}', but no matches were found.`,
    hint: (p) => {
      if (p.choices) return `Name one of these: ${p.choices.map((choice) => `'${choice}'`).join(', ')}.`;
      if (p.suggestion) return `Perhaps you meant '${p.suggestion}' instead of '${p.child}'.`;
      return 'Add a foreign key between them, or name the related table.';
    },
  }),
  PGRST201: row<{
    parent: string;
    child: string;
    choices: readonly string[];
    found?: readonly object[];
  }>({
    status: 300,
    message: (p) => `Could not embed because more than one relationship was found for '${p.parent}' and '${p.child}'`,
    details: (p) => p.choices.join('; ') || `Several relationships lead from '${p.parent}' to '${p.child}'`,
    detailsList: (p) => p.found,
    hint: (p) =>
      p.choices.length === 0
        ? `Name the constraint, the column or the table in between: '${p.child}!name'.`
        : `Try changing '${p.child}' to one of the following: ${p.choices.map((choice) => `'${choice}'`).join(', ')}. Find the desired relationship in the 'details' key.`,
  }),
  PGRST202: row<SearchedFunction & { suggestion?: string }>({
    status: 404,
    message: (p) => `Could not find the function ${p.schema}.${p.name}${calledWith(p)} in the schema cache`,
    details: (p) =>
      `Searched for the function ${p.schema}.${p.name} ${searchedWith(p)}, but no matches were found in the schema cache.`,
    hint: (p) =>
      p.suggestion
        ? `Perhaps you meant to call the function ${p.suggestion}`
        : 'Check the name and the names of the arguments.',
  }),
  PGRST203: row<{ choices: readonly string[] }>({
    status: 300,
    message: (p) =>
      p.choices.length === 0
        ? 'Could not choose the best candidate function'
        : `Could not choose the best candidate function between: ${p.choices.join(', ')}`,
    hint: 'Try renaming the parameters or the function itself in the database so function overloading can be resolved',
  }),
  PGRST204: row<{ column: string; relation: string }>({
    status: 400,
    message: (p) => `Could not find the '${p.column.slice(0, 63)}' column of '${p.relation}' in the schema cache`,
    hint: 'Check the name; a column that was just added is seen within seconds.',
  }),
  PGRST205: row<{ schema: string; name: string; suggestion?: string }>({
    status: 404,
    message: (p) => `Could not find the table '${p.schema}.${p.name.slice(0, 63)}' in the schema cache`,
    hint: (p) =>
      p.suggestion
        ? `Perhaps you meant the table '${p.schema}.${p.suggestion}'`
        : 'Check the name and the schema (Accept-Profile).',
  }),
  42703: row<{ relation: string; column: string; suggestion?: string }>({
    status: 400,
    message: (p) => `column ${p.relation}.${p.column.slice(0, 63)} does not exist`,
    hint: (p) =>
      p.suggestion
        ? `Perhaps you meant to reference the column "${p.relation}.${p.suggestion}".`
        : 'Check the name; /openapi.json lists the columns that you may use.',
  }),
  42704: row<{ type: string }>({
    status: 400,
    message: (p) => `values cannot be cast to the type "${p.type.slice(0, 63)}" here`,
    hint: 'Cast to one of Postgres’s types of values (not reg* types) or to a type of an exposed schema.',
  }),
});

export const errors = defineErrors('GATEWAY', {
  EMBED_ROWS: row<{ path: string; rows: number; maximum: number }>({
    status: 400,
    message: (p) =>
      `the limits of the rows down to the embedded "${p.path.slice(0, 200)}" multiply to ${p.rows.toExponential(0)}; ${p.maximum.toExponential(0)} are the most`,
    hint: 'Give the nested embeds limits (embed.limit=100), filter the table by its primary key, or embed less deeply.',
  }),
  CURSOR: row<{ reason: string }>({
    status: 400,
    message: (p) => `the cursor in after= is not of this query: ${p.reason}`,
    hint: 'Follow the Link of the page before as it is, or start anew with an empty after=.',
  }),
  KEYSET: row<{ reason: string; hint: string }>({
    status: 400,
    message: (p) => `these rows cannot be paged by after=: ${p.reason}`,
    hint: (p) => p.hint,
  }),
});
