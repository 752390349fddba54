/** The unmodified client of PostgREST's grammar, for a schema with every kind of relation. */
import { readFile } from 'node:fs/promises';
import { PostgrestClient } from '@supabase/postgrest-js';
import type { Test } from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = await readFile(new URL('../../relations.sql', import.meta.url), 'utf8');

export async function openClient(t: Test) {
  const gateway = await useGateway(t, { script });
  const headers = { Authorization: `Bearer ${await gateway.token({ role: 'authenticated', sub: 'ada' })}` };
  // biome-ignore lint/suspicious/noExplicitAny: the tests' schema has no generated types.
  const db = new PostgrestClient<any>(`${gateway.url}/rest/v1`, { headers });
  return { gateway, headers, db };
}

// biome-ignore lint/suspicious/noExplicitAny: whatever a builder resolves to.
export async function rows(builder: PromiseLike<any>) {
  const { data, error } = await builder;
  if (error) throw Object.assign(new Error(error.message), error);
  return data;
}
