/** Errors about tokens have PostgREST's codes, messages and WWW-Authenticate. */
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

t.test('refused tokens get the reasons that PostgREST gives', async (t) => {
  const gateway = await useGateway(t, { env: { JWT_CLOCK_SKEW_S: '' } });
  const now = Math.floor(Date.now() / 1_000);
  const with_ = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await gateway.request('/rest/v1/projects', { headers });
    const { code, message } = (await response.json()) as { code: string; message: string };
    return [response.status, code, message, response.headers.get('www-authenticate')];
  };
  const invalid = (code: string, message: string) => [
    401,
    code,
    message,
    `Bearer error="invalid_token", error_description="${message}"`,
  ];
  const claims = (more: Record<string, unknown>) => gateway.token({ role: 'anon', ...more });

  t.same(await with_(''), invalid('PGRST301', 'Empty JWT is sent in Authorization header'));
  t.same(await with_('a.b'), invalid('PGRST301', 'Expected 3 parts in JWT; got 2'));
  const [head, body] = (await claims({})).split('.');
  t.same(await with_(`${head}.${body}.AAAA`), invalid('PGRST301', 'No suitable key or wrong key type'));
  t.same(await with_(await claims({ exp: now - 31 })), invalid('PGRST303', 'JWT expired'));
  t.same(await with_(await claims({ nbf: now + 60 })), invalid('PGRST303', 'JWT not yet valid'));
  t.same(await with_(await claims({ iat: now + 60 })), invalid('PGRST303', 'JWT issued at future'));
  for (const claim of ['exp', 'nbf', 'iat']) {
    const message = `The JWT '${claim}' claim must be a number`;
    t.same(await with_(await claims({ [claim]: 'soon' })), invalid('PGRST303', message));
  }
  for (const aud of [{ a: 1 }, ['x', 1], 5]) {
    const message = "The JWT 'aud' claim must be a string or an array of strings";
    t.same(await with_(await claims({ aud })), invalid('PGRST303', message));
  }
  const [status, code] = await with_(await claims({ exp: now - 10, nbf: now + 10, iat: now + 10 }));
  t.match([status, code], [404, 'PGRST205'], 'clocks may differ by 30 s');
  t.match(await with_(await gateway.token({ sub: 'x' })), [401, 'AUTH_ROLE_MISSING']);
});
