import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

t.test('serves the folder of EXAMPLES_DIR, whose pages may load from this origin only', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-examples-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'index.html'), '<title>Examples</title>');
  const gateway = await useGateway(t);
  t.equal((await gateway.request('/examples/')).status, 404, 'without it there are no example pages');
  const url = await gateway.another({ EXAMPLES_DIR: folder });
  const page = await fetch(`${url}/examples/`);
  t.equal(await page.text(), '<title>Examples</title>');
  t.match(page.headers.get('content-security-policy'), "default-src 'none'; script-src 'self'");
  t.equal((await fetch(`${url}/examples`)).url, `${url}/examples/`);
  for (const path of ['nothing.html', '..%2f..%2fetc%2fpasswd']) {
    t.ok([400, 403, 404].includes((await fetch(`${url}/examples/${path}`)).status), path);
  }
});
