/** Asks Postgres itself as a role, for comparison with the gateway. */
import type { Sql } from 'postgres';

export interface Role {
  readonly role: string;
  readonly [claim: string]: unknown;
}

/** Runs one query as the role with its claims, in a transaction that is rolled back. */
async function asRole<R extends object>(sql: Sql, claims: Role, query: string): Promise<R[]> {
  let rows: R[] = [];
  const rolledBack = new Error('rolled back');
  await sql
    .begin(async (tx) => {
      await tx`select set_config('request.jwt.claims', ${JSON.stringify(claims)}, true), set_config('role', ${claims.role}, true)`;
      rows = [...(await tx.unsafe(query))] as R[];
      throw rolledBack;
    })
    .catch((error: unknown) => {
      if (error !== rolledBack) throw error;
    });
  return rows;
}

/** The rows as JSON of Postgres. */
export async function jsonAsRole(sql: Sql, claims: Role, query: string): Promise<unknown> {
  const [row] = await asRole<{ body: unknown }>(
    sql,
    claims,
    `select coalesce(json_agg(t.*), '[]') as body from (${query}) t`,
  );
  return row?.body;
}
