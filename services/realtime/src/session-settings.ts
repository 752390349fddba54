/**
 * What the sessions of this service start with, whatever the database or the role sets: filters are compiled for UTC and ISO dates, types
 * and functions print with their schemas, arrays and names are read and written in one way, and each statement has a snapshot of its own.
 * Questions of the catalog and of policies take a few ms, and compiling them would take longer. Who waits for a lock (an ALTER TABLE
 * in an open transaction) keeps a connection and a turn from the tables that are not locked, so none waits for long.
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

/** Functions that policies call find what they find in a request for the schema. */
export const inSchema = (identity: Identity, schema: string): Identity => ({
  ...identity,
  settings: { ...identity.settings, search_path: searchPath(schema) },
});
