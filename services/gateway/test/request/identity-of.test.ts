import t from 'tap';
import type { Caller } from '../../src/request/caller.ts';
import { identityOf } from '../../src/request/identity-of.ts';

const caller = (role: string, claims: Record<string, unknown> | undefined): Caller => {
  const verified = claims && { role, claims, claimsText: JSON.stringify(claims), expires: undefined };
  const authenticated = claims !== undefined;
  const statements = { extraSearchPath: [], appSettings: {}, preRequest: null };
  const token = authenticated ? 'x' : undefined;
  return { role, claims: '{}', authenticated, token, verified, reading: new Map(), statements };
};

t.test('a share is of a subject, and of an address where there is no subject', async (t) => {
  const of = (role: string, claims: Record<string, unknown> | undefined, ip: string) =>
    identityOf({ caller: caller(role, claims), ip });
  t.equal(of('authenticated', { sub: 'ada', jti: '1' }, '203.0.113.7'), of('authenticated', { sub: 'ada' }, '::1'));
  t.not(of('authenticated', { sub: 'ada' }, '::1'), of('ops', { sub: 'ada' }, '::1'));
  for (const claims of [undefined, {}, { sub: '' }]) {
    t.not(
      of('anon', claims, '203.0.113.7'),
      of('anon', claims, '203.0.113.8'),
      'one anonymous client has no other’s share',
    );
    t.equal(of('anon', claims, '2001:db8::1'), of('anon', claims, '2001:db8::2'), 'one IPv6 client has many addresses');
  }
});
