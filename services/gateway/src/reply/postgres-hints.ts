/** A remedy for what Postgres refuses without one, by SQLSTATE, else by its class (its manual, appendix A). */

const BY_CODE: Readonly<Record<string, string>> = {
  '21000': 'A row was hit twice by one statement, or a subquery gave several. Send each key once.',
  '22P02': 'Send a value that the column’s type can hold.',
  '22P05': 'Send text that the database’s encoding can hold.',
  '23502': 'Send a value for the column.',
  '23503': 'Write the row that is referred to first, or remove those that refer to this one.',
  '23505': 'Such a row exists. Change the value, or upsert with Prefer: resolution=merge-duplicates.',
  '23514': 'The value breaks a CHECK constraint of the table.',
  '25006': 'GET only reads: call a function that writes by POST.',
  '40001': 'Somebody else changed the same rows. Try again.',
  '40P01': 'Two writes waited for each other. Try again; write rows in the same order everywhere.',
  '428C9': 'The column is generated: leave it out.',
  '42703': 'Check the name; /openapi.json lists the columns that you may use.',
  '42704': 'Check the name of the type or object, and that it is in an exposed schema.',
  '42725': 'Several operators or functions fit: cast the value or the column (column::type).',
  '42803': 'Select the columns to group by beside the aggregate, and nothing else.',
  '42804': 'The types do not fit: cast the column (column::type), or send another value.',
  '42846': 'There is no cast between these types; take another one.',
  '42883': 'No operator or function fits these types: use another operator, or cast the column (column::type).',
  '42P01': 'Check the name of the table; one that was just made is seen within seconds.',
  '42P10': 'on_conflict names columns without a unique constraint: add one, or name others.',
  '42P17': 'A policy or rule refers to itself: correct it in the database.',
  '53100': 'Nothing was written. Reads still work. Try again later; operators free space on the disk of Postgres.',
  '54001': 'The request is nested too deeply. Simplify it.',
  '55P03': 'Somebody else holds the lock. Try again.',
  '57014': 'The statement ran into its time limit. Filter more narrowly, or add an index.',
  P0001: 'The function or trigger refused it, for the reason in the message.',
};

const BY_CLASS: Readonly<Record<string, string>> = {
  '08': 'The connection to Postgres failed. Try again.',
  '0A': 'Postgres does not support this; ask in another way.',
  '22': 'Send a value that the column’s type can hold.',
  '23': 'The value breaks a constraint of the table, which the message names.',
  '28': 'The server’s own login was refused; see DATABASE_URL.',
  '40': 'The transaction was rolled back. Try again.',
  '42': 'The names or types do not fit the database; /openapi.json says what there is.',
  '44': 'The row is not one that the view shows: change its values.',
  '53': 'Postgres has run out of something (memory, disk, connections); the message says of what.',
  '54': 'The request is larger than Postgres takes. Send less at once.',
  '55': 'The object is in use or not in the state for this. Try again.',
  '57': 'Postgres was told to stop this, or is stopping. Try again.',
  '58': 'Postgres met a fault of the system below it; its log says which.',
  P0: 'The function refused it, for the reason in the message.',
};

/** A value in the language of text search that is none, as in `no operand in tsquery: "&"`. */
const TEXT_SEARCH = /\bts(query|vector): "/;

export function postgresHint(code: string, message: string, authenticated: boolean): string {
  if (code === '42601' && TEXT_SEARCH.test(message)) {
    return 'fts takes words joined by & | ! and <->; plfts and phfts take plain text, wfts a search as people type it.';
  }
  if (code === '42501') {
    if (message.includes('"jobs_high_priority"')) {
      return 'Use the priority normal or low. The policy jobs_high_priority on tidemark.jobs says who may use high.';
    }
    return authenticated
      ? 'Grant the right to the role of the token, or write a policy that lets the row through.'
      : 'Send Authorization: Bearer <JWT> of a role that has the right, or grant it to the anonymous role.';
  }
  return BY_CODE[code] ?? BY_CLASS[code.slice(0, 2)] ?? 'Postgres refused it, for the reason in the message.';
}
