/** A gateway with two kinds of jobs, and the ways in which clients start and cancel them. */
import { ImageTransformSpec } from '@tidemark/contracts';
import type { Test } from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

export const ada = { role: 'authenticated', sub: 'ada', email: 'ada@example.com' };
export const bob = { role: 'authenticated', sub: 'bob' };
export const service = { role: 'service_role' };
export const ops = { role: 'ops' };
export type Claims = Record<string, unknown>;
export const spec = { input: { prefix: 'in/' }, transform: { greyscale: true } };

export async function useJobs(t: Test) {
  const { request, sql } = await useGateway(t, {
    script: `
      insert into tidemark.job_kinds (name, version, spec_schema, limits)
        values ('image.transform', 1, '${JSON.stringify(ImageTransformSpec)}', '{}'), ('noop', 1, '{"type": "object"}', '{}');
      create function public.start_job(kind text) returns uuid language sql security definer as
        $$ insert into tidemark.jobs (kind, spec) values (kind, '{}') returning id $$;
      create function public.start_job_as(as_role text, as_owner text) returns uuid language sql security definer as
        $$ insert into tidemark.jobs (kind, spec, role, owner) values ('x', '{}', as_role, as_owner) returning id $$;`,
  });
  const post = (path: string, claims: Claims, body: unknown) =>
    request(path, {
      method: 'POST',
      claims,
      headers: { 'content-profile': path.includes('rpc/start') ? 'public' : 'tidemark' },
      body: JSON.stringify(body),
    });
  const start = (claims: Claims, more = {}) => post('/api/v1/jobs', claims, { kind: 'image.transform', spec, ...more });
  const insert = (claims: Claims, row: unknown) => post('/rest/v1/jobs', claims, row);
  const started = async (claims: Claims) => ((await (await start(claims)).json()) as { id: string }).id;
  const cancel = (claims: Claims | undefined, id: string) =>
    request(`/api/v1/jobs/${id}`, { method: 'DELETE', ...(claims ? { claims } : {}) });
  const rowOf = async (id: string) => (await sql`select * from tidemark.jobs where id = ${id}`)[0]!;
  const claimsOf = async (id: string) =>
    (await sql`select claims from tidemark.job_requests where job_id = ${id}`)[0]!.claims;

  t.afterEach(() => sql`delete from tidemark.jobs`);
  return { request, sql, post, start, insert, started, cancel, rowOf, claimsOf };
}
