/** Random requests: mostly near the grammar, where the mistakes are, and salted with what breaks out of quotes. */
import fc, { type Arbitrary } from 'fast-check';
import { body } from './bodies.ts';
import { header, inHeader } from './headers.ts';
import { encode, routine, search, sloppy, table } from './query-strings.ts';
import { text } from './salt.ts';

export interface Case {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly as: 'ada' | 'anon' | 'forged';
  /** For `forged`: where it was changed, and to what. */
  readonly tamper: readonly [number, string];
}

const path = fc.oneof(
  { weight: 20, arbitrary: table.map((name) => `/rest/v1/${encode(name)}`) },
  { weight: 4, arbitrary: routine.map((name) => `/rest/v1/rpc/${encode(name)}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('/api/v1/transaction', '/api/v1/jobs', '/openapi.json', '/rest/v1', '/rest/v1/', '/'),
  },
  { weight: 1, arbitrary: text.map((one) => `/api/v1/files/${encode(one)}`) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('/', '/rest/v1/', '/rest/v1/rpc/', '/api/v1/jobs/', '//'), text)
      .map(([at, one]) => at + sloppy(one)),
  },
);
const method = fc.oneof(
  { weight: 6, arbitrary: fc.constant('GET') },
  { weight: 5, arbitrary: fc.constantFrom('POST', 'PATCH', 'DELETE', 'PUT') },
  { weight: 1, arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'PROPFIND') },
);

export const cases: Arbitrary<Case> = fc
  .record({
    method,
    path,
    search,
    headers: fc.array(header, { maxLength: 3 }),
    body,
    as: fc.oneof(
      { weight: 18, arbitrary: fc.constant('ada' as const) },
      { weight: 2, arbitrary: fc.constantFrom('anon' as const, 'forged' as const) },
    ),
    tamper: fc.tuple(fc.nat(10_000), fc.constantFrom('A', 'z', '0', '_', '.', '=', '')),
  })
  .map(({ path: at, search: query, headers, body: sent, ...rest }) => ({
    ...rest,
    url: `${at}${query}`.slice(0, 8_000),
    // Most bodies say what they are; without that nobody looks into them.
    headers: {
      ...(rest.tamper[0] % 10 === 0 ? {} : { 'content-type': 'application/json' }),
      ...Object.fromEntries(headers.map(([name, one]) => [name, inHeader(one)])),
    },
    body: ['GET', 'HEAD', 'OPTIONS'].includes(rest.method) ? undefined : sent.toWellFormed(),
  }));
