/**
 * These override the settings of database and role: filters are compiled for UTC and ISO dates, names print with
 * schemas, and each statement has its own snapshot. JIT would take longer than the statements. A wait for a lock
 * keeps a connection from other tables, so none is longer than 250 ms.
 */
import { type Identity, searchPath } from '@tidemark/db';

export const SESSION_SETTINGS = {
  datestyle: 'ISO, MDY',
  timezone: 'UTC',
  search_path: 'pg_catalog',
  array_nulls: 'on',
  quote_all_identifiers: 'off',
  default_transaction_isolation: 'read committed',
  jit: 'off',
  lock_timeout: '250ms',
};

/** Gives the functions that policies call the same search path as a request for the schema. */
export const inSchema = (identity: Identity, schema: string): Identity => ({
  ...identity,
  settings: { ...identity.settings, search_path: searchPath(schema) },
});
