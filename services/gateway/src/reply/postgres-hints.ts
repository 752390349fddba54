/** Hints for errors of Postgres that have none, by SQLSTATE, else by its class (manual of Postgres, appendix A). */

const BY_CODE: Readonly<Record<string, string>> = {
  '21000': 'One statement affected a row twice, or a subquery returned several rows. Send each key once.',
  '22P02': 'Send a value that the column’s type can hold.',
  '22P05': 'Send text that the database’s encoding can hold.',
  '23502': 'Send a value for the column.',
  '23503': 'Write the referenced row first, or delete the rows that reference this one.',
  '23505': 'Such a row exists. Change the value, or upsert with Prefer: resolution=merge-duplicates.',
  '23514': 'The value breaks a CHECK constraint of the table.',
  '25006': 'GET only reads: call functions that write by POST.',
  '40001': 'Another transaction changed the same rows. Try again.',
  '40P01': 'Two transactions waited for each other. Try again; write rows in the same order everywhere.',
  '428C9': 'The column is generated: omit it.',
  '42703': 'Check the name; /openapi.json lists the columns that you may use.',
  '42704': 'Check the name of the type or object, and that it is in an exposed schema.',
  '42725': 'Several operators or functions fit: cast the value or the column (column::type).',
  '42803': 'Select the columns to group by beside the aggregate, and nothing else.',
  '42804': 'The types do not fit: cast the column (column::type), or send another value.',
  '42846': 'No cast between these types exists; use another type.',
  '42883': 'No operator or function fits these types: use another operator, or cast the column (column::type).',
  '42P01': 'Check the name of the table; a new table is available within seconds.',
  '42P10': 'The columns of on_conflict have no unique constraint: add one, or name other columns.',
  '42P17': 'A policy or rule is recursive: correct it in the database.',
  '53100': 'Nothing was written. Reads still work. Try again later; operators free space on the disk of Postgres.',
  '54001': 'The request is nested too deeply. Simplify it.',
  '55P03': 'Another transaction holds the lock. Try again.',
  '57014': 'The statement exceeded its time limit. Filter more narrowly, or add an index.',
  P0001: 'The function or trigger raised the error in the message.',
};

const BY_CLASS: Readonly<Record<string, string>> = {
  '08': 'The connection to Postgres failed. Try again.',
  '0A': 'Postgres does not support this; send another request.',
  '22': 'Send a value that the column’s type can hold.',
  '23': 'The value breaks a constraint of the table, which the message names.',
  '28': 'Postgres refused the login of the server; check DATABASE_URL.',
  '40': 'The transaction was rolled back. Try again.',
  '42': 'The names or types do not match the database; /openapi.json lists them.',
  '44': 'The view would not show the row: change its values.',
  '53': 'Postgres is out of a resource (memory, disk, connections), which the message names.',
  '54': 'The request exceeds a limit of Postgres. Send less at once.',
  '55': 'The object is in use, or in another state than required. Try again.',
  '57': 'An operator cancelled the statement, or Postgres is shutting down. Try again.',
  '58': 'Postgres met an error of its system, which its log describes.',
  P0: 'The function raised the error in the message.',
};

/** Errors about the syntax of text search, such as `no operand in tsquery: "&"`. */
const TEXT_SEARCH = /\bts(query|vector): "/;

export function postgresHint(code: string, message: string, authenticated: boolean): string {
  if (code === '42601' && TEXT_SEARCH.test(message)) {
    return 'fts takes words joined by & | ! and <->; plfts and phfts take plain text, wfts the syntax of web searches.';
  }
  if (code === '42501') {
    if (message.includes('"jobs_high_priority"')) {
      return 'Use the priority normal or low. The policy jobs_high_priority on tidemark.jobs decides who may use high.';
    }
    return authenticated
      ? 'Grant the right to the role of the token, or write a policy that allows the row.'
      : 'Send Authorization: Bearer <JWT> of a role that has the right, or grant it to the anonymous role.';
  }
  return BY_CODE[code] ?? BY_CLASS[code.slice(0, 2)] ?? 'Postgres reported the error in the message.';
}
