/**
 * A write may be planned with a catalog from before the last change of the schema. Where Postgres or the catalog
 * refuses it, nothing was written, so the catalog is read again, and the write is planned and run once more.
 */
import { TidemarkError } from '@tidemark/contracts';
import { PostgresError } from '@tidemark/db';
import type { Catalog, CatalogFollower } from '@tidemark/plan';
import { isRetyped } from '../reply/postgres-errors.ts';

/** Errors of a statement that does not fit the schema: names, types, keys of ON CONFLICT, generated columns. */
const MISFITS = new Set(['42804', '42703', '42P01', '42883', '42846', '42704', '42P10', '428C9']);
/** The catalog lacks the table or the column. */
const UNKNOWN = new Set(['PGRST204', 'PGRST205']);

function mayBeStale(error: unknown): boolean {
  if (error instanceof PostgresError) return MISFITS.has(error.code) || isRetyped(error);
  return error instanceof TidemarkError && (UNKNOWN.has(error.code) || mayBeStale(error.cause));
}

/** Whether the write was planned with another schema than that of now, which would explain the error. */
export async function isOfFormerSchema(follower: CatalogFollower, former: Catalog, error: unknown): Promise<boolean> {
  return mayBeStale(error) && (await follower.hasChangedSince(former).catch(() => false));
}

/** Throws `error`, unless the schema has changed since `former` was read. */
export async function withNewCatalog<T>(
  follower: CatalogFollower,
  former: Catalog,
  error: unknown,
  write: (catalog: Catalog) => Promise<T>,
): Promise<T> {
  if (!(await isOfFormerSchema(follower, former, error))) throw error;
  return write(follower.current());
}
