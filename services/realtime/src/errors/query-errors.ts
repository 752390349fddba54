import { defineErrors, row, shellWord } from '@tidemark/contracts';
import { whose } from './whose.ts';

export const queryErrors = defineErrors('RT', {
  QUERY_UNSUPPORTED: row<{ what: string }>({
    status: 400,
    message: (p) => `${p.what} cannot be live`,
    hint: 'A live query takes one table, its own columns in select, and filters with and/or/not on them.',
  }),
  QUERY_TOO_LONG: row<{ bytes: number; limit: number }>({
    status: 414,
    message: (p) => `the query has ${p.bytes} bytes; a live query may have ${p.limit}`,
    hint: 'Store the values of a long list in a table or a column and filter by it, or follow fewer rows with each query.',
  }),
  TABLE_UNKNOWN: row<{ schema: string; table: string }>({
    status: 404,
    message: (p) => `there is no table ${p.schema}.${p.table} for this role`,
    hint: 'Check the name, the profile and the grants.',
  }),
  SCHEMA_UNKNOWN: row<{ schema: string; schemas: string }>({
    status: 406,
    message: (p) => `the schema "${p.schema}" is not exposed`,
    hint: (p) => `Use one of: ${p.schemas}.`,
  }),
  TABLE_NOT_LIVE: row<{ schema: string; table: string }>({
    status: 400,
    message: (p) => `the table ${p.schema}.${p.table} is not published`,
    hint: (p) => `npx --no -- tidemark live enable ${shellWord(`${p.schema}.${p.table}`)}`,
  }),
  INHERITED: row<{ schema: string; table: string; children: string }>({
    status: 400,
    message: (p) =>
      `the table ${p.schema}.${p.table} has inheritance children (${p.children}): a query reads their rows, but their changes are published under their own names`,
    hint: 'Follow each child separately, or use a partitioned table, whose partitions are followed as one table.',
  }),
  SILENT_PARTITIONS: row<{ schema: string; table: string; partitions: string }>({
    status: 400,
    message: (p) =>
      `the table ${p.schema}.${p.table} has partitions whose changes are not in the WAL, since they are foreign tables or unlogged: ${p.partitions}`,
    hint: 'Run alter table … set logged for unlogged partitions. Detach foreign tables, or follow the other partitions separately.',
  }),
  PUBLISH_PARTIAL: row<{ schema: string; table: string; publication: string; kinds: string }>({
    status: 400,
    message: (p) =>
      `the publication ${p.publication} omits changes of the kind ${p.kinds}, so ${p.schema}.${p.table} cannot be live`,
    hint: (p) => `alter publication ${p.publication} set (publish = 'insert, update, delete, truncate');`,
  }),
  FACTS_BUSY: row<{ limit: number; where: 'instance' | 'share' }>({
    status: 503,
    message: (p) => `${p.limit} requests of this ${whose(p.where)} for the facts of tables are waiting already`,
    hint: 'Try again.',
    retryAfter: 1,
  }),
  TABLE_CHANGING: row<{ table: string }>({
    status: 503,
    message: (p) => `the table ${p.table} changes faster than its definition can be read`,
    hint: 'Try again after the migration.',
    retryAfter: 1,
  }),
  TABLE_LOCKED: row({
    status: 503,
    message: 'the table, or one that its policies read, is locked',
    hint: 'Try again when the lock is released. An ALTER TABLE in an open transaction holds it until the transaction ends.',
    retryAfter: 1,
  }),
  COLUMN_UNKNOWN: row<{ column: string; table: string }>({
    status: 400,
    message: (p) => `the table ${p.table} has no column "${p.column}" that this role may read`,
    hint: 'Check the name and the grants on columns.',
  }),
  KEY_NOT_SELECTED: row<{ columns: string }>({
    status: 400,
    message: (p) => `a live query must select the key: ${p.columns}`,
    hint: 'Add the missing columns to select. A change is matched to its row by the key.',
  }),
  KEY_AMBIGUOUS: row<{ schema: string; table: string; column: string }>({
    status: 400,
    message: (p) =>
      `the key column "${p.column}" of ${p.schema}.${p.table} is an array or a row, and different ones may have the same JSON, by which changes could name the wrong row`,
    hint: (p) =>
      `Let changes name rows by other columns: alter table ${p.schema}.${p.table} replica identity using index <a unique index on columns that are not null>;`,
  }),
  OLD_ROWS_NEEDED: row<{ schema: string; table: string }>({
    status: 400,
    message: (p) => `${p.schema}.${p.table} has row-level security, and its changes do not carry whole old rows`,
    hint: (p) => `alter table ${p.schema}.${p.table} replica identity full;`,
  }),
  POLICY_READS_MORE: row<{ schema: string; table: string; what: string }>({
    status: 400,
    message: (p) =>
      `a row-level security policy of ${p.schema}.${p.table} reads ${p.what}, so it cannot be evaluated for a published change`,
    hint: 'Publish all columns of the table (alter publication … add table without a list of columns), or let the policy read only published columns.',
  }),
  LATEST_NEEDS_KEY: row<{ table: string }>({
    status: 400,
    message: (p) => `the table ${p.table} has no primary key, which mode "latest" needs`,
    hint: 'Add a primary key, or omit mode to get every change.',
  }),
  WINDOW_NEEDS_LIMIT: row<{ what: string; limit: number }>({
    status: 400,
    message: (p) => `${p.what} without limit cannot be live`,
    hint: (p) => `Add limit (offset and limit together at most ${p.limit}), or omit ${p.what}.`,
  }),
  WINDOW_TOO_LARGE: row<{ rows: number; limit: number }>({
    status: 400,
    message: (p) => `a live window of ${p.rows} rows (offset and limit) is larger than ${p.limit}`,
    hint: 'Ask for fewer rows, follow all rows without limit, or raise LIVE_WINDOW_ROWS.',
  }),
  WINDOW_NEEDS_KEY: row<{ table: string }>({
    status: 400,
    message: (p) => `the table ${p.table} has no primary key, which a live window needs`,
    hint: 'Add a primary key, or omit order, limit and offset.',
  }),
  WINDOW_BYTES: row<{ limit: number }>({
    status: 413,
    message: (p) => `the rows of this live window have more than ${p.limit} bytes`,
    hint: 'Ask for fewer rows, or omit large columns from select.',
  }),
  WINDOWS_FULL: row<{ limit: number; where: 'instance' | 'share' }>({
    status: 503,
    message: (p) => `the live windows of this ${whose(p.where)} have ${p.limit} bytes already`,
    hint: 'Ask for fewer rows or columns, or try again later.',
    retryAfter: 5,
  }),
  ROW_TOO_LARGE: row<{ limit: number }>({
    status: 413,
    message: (p) => `a row has more than ${p.limit} bytes as JSON, too many for a snapshot`,
    hint: 'Omit large columns from select, and read them with a GET when they are needed.',
  }),
  TOO_MANY_WINDOWS: row<{ limit: number; where: 'instance' | 'share' }>({
    status: 503,
    message: (p) => `this ${whose(p.where)} already has ${p.limit} live windows`,
    hint: 'Try again later, or raise LIVE_WINDOWS. Equal queries share a window.',
  }),
  OPTIONS_CONFLICT: row({
    status: 400,
    message: 'snapshot and after exclude each other',
    hint: 'Send after to resume. If the position is too old, you receive a resync; then subscribe with snapshot.',
  }),
  SNAPSHOTS_BUSY: row<{ limit: number; where: 'instance' | 'share' }>({
    status: 503,
    message: (p) => `${p.limit} snapshots of this ${whose(p.where)} are waiting already`,
    hint: 'Try again.',
    retryAfter: 1,
  }),
  SNAPSHOT_UNPLACED: row<{ attempts: number }>({
    status: 503,
    message: (p) => `in ${p.attempts} attempts the snapshot could not be placed between the changes`,
    hint: 'Try again.',
    retryAfter: 1,
  }),
  FILTER_TOO_COSTLY: row<{ table: string }>({
    status: 400,
    message: (p) =>
      `the filter is too costly for a row of ${p.table}: neither this instance nor Postgres evaluated it in time`,
    hint: 'Use a simpler pattern, or filter by a column with short values. Then subscribe again with a snapshot.',
  }),
  FILTER_COST: row<{ steps: number; limit: number }>({
    status: 400,
    message: (p) => `the filter may take ${p.steps} steps for each row; a live query may take ${p.limit}`,
    hint: 'Bound repetitions lower ({0,255} makes 255 copies), match fewer or shorter patterns, or follow a simpler filter and match in the client.',
  }),
  FILTER_BUDGET: row<{ steps: number; limit: number; where: 'share' | 'instance' }>({
    status: 429,
    message: (p) =>
      `with this query, the filters of this ${whose(p.where)} may take ${p.steps} steps for each row; the limit is ${p.limit}`,
    hint: 'Unsubscribe queries that are no longer shown, or use simpler filters: comparisons cost little, patterns cost states × characters.',
    retryAfter: 5,
  }),
  POLICY_FAILED: row<{ table: string; reason: string }>({
    status: 500,
    message: (p) => `a row-level security policy of ${p.table} failed: ${p.reason}`,
    hint: 'The log of the service has Postgres’s message. Correct the policy. It must work on a row that is not in the table, without ctid and other system columns.',
  }),
  ROWS_FAILED: row<{ table: string; reason: string }>({
    status: 500,
    message: (p) => `the rows of ${p.table} could not be read: ${p.reason}`,
    hint: 'The log of the service has Postgres’s message. Check whether a policy, a cast to json or a generated column fails on a row. Omit the column from select, or filter out the row.',
  }),
});
