/** Tokens that are refused, and why. */
import { group, type PostgrestCase } from '../case.ts';

const codes = group('G19');
const statuses = group('G20');
const types = group('G21');

const invalid = (message: string, code = 'PGRST301') => ({
  status: 401,
  json: { code, message },
  headers: { 'www-authenticate': `Bearer error="invalid_token", error_description="${message}"` },
});
const wrongClaim = (message: string) => ({ status: 401, json: { code: 'PGRST303', message } });
const AUDIENCE = "The JWT 'aud' claim must be a string or an array of strings";
const role = { role: 'authenticated' };
const now = () => Math.floor(Date.now() / 1_000);

export const tokenCases: readonly PostgrestCase[] = [
  codes('GET', '/authors_only', invalid('Empty JWT is sent in Authorization header'), { as: 'Bearer ' }),
  codes('GET', '/authors_only', invalid('Expected 3 parts in JWT; got 2'), { as: 'Bearer one.two' }),
  codes('GET', '/authors_only', invalid('Expected 3 parts in JWT; got 1'), { as: 'Bearer one' }),
  codes('GET', '/authors_only', { status: 401, json: { code: 'PGRST301' } }, { as: 'Bearer a.b.c' }),
  codes('GET', '/authors_only', invalid('JWT expired', 'PGRST303'), { as: { ...role, exp: 1_446_678_149 } }),
  codes(
    'GET',
    '/authors_only',
    { status: 401, json: { code: 'PGRST303', message: 'JWT not yet valid' } },
    { as: { ...role, nbf: now() + 9_999 } },
  ),
  codes(
    'GET',
    '/authors_only',
    { status: 401, json: { code: 'PGRST303', message: 'JWT issued at future' } },
    { as: { ...role, iat: now() + 9_999 } },
  ),
  codes('GET', '/authors_only', { json: [] }, { as: () => ({ ...role, exp: now() - 15 }) }),
  codes('GET', '/authors_only', { json: [] }, { as: { ...role, exp: 9_999_999_999 } }),
  codes('GET', '/clients', { status: 401, json: { code: 'PGRST301' } }, { as: 'Bearer a.b.c' }),

  statuses('GET', '/authors_only', {
    status: 401,
    json: { code: '42501', message: 'permission denied for table authors_only' },
    headers: { 'www-authenticate': 'Bearer' },
  }),

  types('GET', '/authors_only', wrongClaim("The JWT 'exp' claim must be a number"), {
    as: { ...role, exp: 'invalid' },
  }),
  types('GET', '/authors_only', wrongClaim("The JWT 'nbf' claim must be a number"), {
    as: { ...role, nbf: 'invalid' },
  }),
  types('GET', '/authors_only', wrongClaim("The JWT 'iat' claim must be a number"), {
    as: { ...role, iat: 'invalid' },
  }),
  types('GET', '/authors_only', wrongClaim(AUDIENCE), { as: { ...role, aud: { invalid: 'value' } } }),
  types('GET', '/authors_only', wrongClaim(AUDIENCE), { as: { ...role, aud: [{ invalid: 'value' }, 'test'] } }),
];
