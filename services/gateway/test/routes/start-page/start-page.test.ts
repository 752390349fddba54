import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

t.test('shows what runs, with links that the gateway answers', async (t) => {
  const gateway = await useGateway(t);
  const response = await gateway.request('/');
  t.equal(response.status, 200);
  t.match(response.headers.get('content-type'), 'text/html');
  t.match(response.headers.get('content-security-policy'), "default-src 'none'");
  const page = await response.text();
  const links = [...page.matchAll(/href="(\/[^"]*)"/g)].map(([, path]) => path as string);
  t.same(links, ['/docs', '/openapi.json', '/readyz'], 'nothing that this gateway does not proxy');
  for (const link of links) t.equal((await gateway.request(link)).status, 200, link);

  const proxying = await gateway.another({ METRICS_URL: 'http://127.0.0.1:1', REALTIME_URL: 'http://127.0.0.1:1' });
  t.match(await (await fetch(`${proxying}/`)).text(), /href="\/console\/"[\s\S]*<code>\/live<\/code>/);
});
