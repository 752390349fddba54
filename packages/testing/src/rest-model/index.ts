/**
 * Compares a gateway with Postgres: random requests on random schemas have to return the rows of SQL that was written
 * independently, under the same role and claims. An error has to have the same SQLSTATE.
 */
import type postgres from 'postgres';
import { seeded } from './random.ts';
import { type ModelRequest, makeRequest } from './requests.ts';
import { makeSchema } from './schema.ts';

const ROLE = 'authenticated';
const SUBJECTS = ['u0', 'u1'] as const;
/** Requests that are sent at the same time. */
const CONCURRENT = 4;

export interface RestModelOptions {
  readonly url: string;
  readonly sql: postgres.Sql;
  readonly seed: number;
  readonly requests: number;
  /** The exposed schemas, one for each generated one. */
  readonly schemas: readonly string[];
  token(claims: { readonly role: string; readonly sub: string }): Promise<string>;
}

export interface RestModelOutcome {
  readonly compared: number;
  readonly failed: number;
  readonly differences: readonly string[];
}

export const modelSql = (seed: number, schemas: readonly string[]): string =>
  schemas.map((schema, index) => makeSchema(seed + index, schema, ROLE).sql).join('\n');

export async function compareWithModel(options: RestModelOptions): Promise<RestModelOutcome> {
  const { seed, schemas, requests } = options;
  const models = schemas.map((schema, index) => makeSchema(seed + index, schema, ROLE));
  const tokens = await Promise.all(SUBJECTS.map((sub) => options.token({ role: ROLE, sub })));
  const random = seeded(seed + 1_000_000);
  const differences: string[] = [];
  let compared = 0;
  let failed = 0;
  const compareOne = async () => {
    const at = random.below(schemas.length);
    const who = random.below(SUBJECTS.length);
    const schema = schemas[at] as string;
    const request = makeRequest(random, models[at] as never, schema);
    const [expected, received] = await Promise.all([
      fromPostgres(options.sql, SUBJECTS[who] as string, request),
      fromGateway(options.url, tokens[who] as string, schema, request),
    ]);
    compared += 1;
    if (expected.startsWith('error')) failed += 1;
    if (expected !== received) {
      const { method, path, body = '', sql } = request;
      differences.push(
        [`${method} ${decodeURIComponent(path)} ${body} (${schema}, ${SUBJECTS[who]})`, sql, expected, received].join(
          '\n',
        ),
      );
    }
  };
  while (compared < requests) {
    await Promise.all(Array.from({ length: Math.min(CONCURRENT, requests - compared) }, compareOne));
  }
  return { compared, failed, differences };
}

async function fromPostgres(sql: postgres.Sql, sub: string, request: ModelRequest): Promise<string> {
  const rolledBack = new Error('rolled back');
  let body = '';
  try {
    await sql.begin(async (tx) => {
      const claims = JSON.stringify({ role: ROLE, sub });
      await tx`select set_config('request.jwt.claims', ${claims}, true), set_config('role', ${ROLE}, true)`;
      const [row] = await tx.unsafe<{ body: string }[]>(request.sql);
      body = row?.body ?? '';
      throw rolledBack;
    });
  } catch (error) {
    if (error !== rolledBack) return `error ${(error as { code?: string }).code}`;
  }
  return tight(body);
}

async function fromGateway(
  url: string,
  token: string,
  schema: string,
  { method, path, body }: ModelRequest,
): Promise<string> {
  const response = await fetch(`${url}/rest/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'accept-profile': schema,
      'content-profile': schema,
      'content-type': 'application/json',
      ...(method === 'GET' ? {} : { prefer: 'return=representation, tx=rollback' }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  if (response.ok) return tight(text);
  const { code, message } = JSON.parse(text) as { code: string; message: string };
  return /^[0-9A-Z]{5}$/.test(code) ? `error ${code}` : `error ${code} ${message}`;
}

/** JSON without the blanks between its tokens, which differ. Numbers keep their digits. */
function tight(json: string): string {
  return json.replaceAll(/"(?:[^"\\]|\\.)*"|\s+/g, (token) => (token.startsWith('"') ? token : ''));
}
