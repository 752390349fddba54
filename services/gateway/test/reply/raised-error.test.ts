/** Functions that raise PGRST decide about the whole answer, as in PostgREST. */
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

t.test('raise sqlstate PGRST', async (t) => {
  const gateway = await useGateway(t, {
    script: `
      create function public.refuse(message text, detail text) returns void language plpgsql as $$ begin
        if detail is null then raise sqlstate 'PGRST' using message = message;
        else raise sqlstate 'PGRST' using message = message, detail = detail; end if;
      end $$;
      create function public.two_rows() returns int stable language plpgsql as $$ begin
        return (select n from generate_series(1, 2) n); end $$;
      grant execute on all functions in schema public to anon;`,
  });
  const refuse = (message: string, detail: string | null) =>
    gateway.request('/rest/v1/rpc/refuse', { method: 'POST', body: JSON.stringify({ message, detail }) });

  const own = await refuse(
    '{"code":"123","message":"Payment required","details":"Quota of 5","hint":"Pay"}',
    '{"status":402,"status_text":"Pay first","headers":{"X-Quota":"5","Location":"/pay"}}',
  );
  t.match(await own.json(), { code: '123', message: 'Payment required', details: 'Quota of 5', hint: 'Pay' });
  t.match(
    [own.status, own.statusText, own.headers.get('x-quota'), own.headers.get('location')],
    [402, 'Pay first', '5', '/pay'],
  );
  t.equal(own.headers.get('proxy-status'), 'PostgREST; error=123');

  const message = '{"code":"1","message":"m"}';
  for (const [given, detail, details] of [
    ['no json', '{"status":402,"headers":{}}', /Invalid JSON value for MESSAGE: 'no json'/],
    [message, null, /DETAIL is missing/],
    [message, '{"status":402}', /Invalid JSON value for DETAIL/],
    [message, '{"status":100,"headers":{}}', /Invalid JSON value for DETAIL/],
    [message, '{"status":402,"headers":{"Transfer-Encoding":"chunked"}}', /Invalid JSON value for DETAIL/],
    [message, '{"status":402,"headers":{"X":"a\\r\\nY: b"}}', /Invalid JSON value for DETAIL/],
  ] as const) {
    const response = await refuse(given, detail);
    t.match([response.status, await response.json()], [500, { code: 'PGRST121', details }]);
  }
  t.equal(
    (await gateway.request('/rest/v1/rpc/two_rows')).status,
    500,
    'a fault of a function is no fault of the request',
  );
});
