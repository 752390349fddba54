/**
 * Settings of this service's sessions. They override those of the database and the role: filters are compiled for UTC and ISO dates,
 * types and functions must print with their schemas, and each statement must have its own snapshot. JIT compilation would take longer
 * than the statements. A statement that waits for a lock (of an ALTER TABLE in an open transaction) keeps a connection from other
 * tables, so none waits longer than 250 ms.
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
