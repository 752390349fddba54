/** GET /: what a person sees who opens the address in a browser. It shows nothing that /docs does not. */
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { Config } from '../../config.ts';

const CSP =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const startPageRoute = fp(
  async (app: BaseApp, { config }: { config: Config }) => {
    const page = startPage({ console: config.METRICS_URL !== '', live: config.realtimeUrls.length > 0 });
    app.get('/', (_request, reply) =>
      reply
        .header('content-security-policy', CSP)
        .header('x-content-type-options', 'nosniff')
        .header('referrer-policy', 'no-referrer')
        .header('cache-control', 'no-cache')
        .type('text/html; charset=utf-8')
        .send(page),
    );
  },
  { name: 'start-page-route' },
);

const row = (path: string, text: string) => `<tr><td><a href="${path}">${path}</a></td><td>${text}</td></tr>`;
const plain = (path: string, text: string) => `<tr><td><code>${path}</code></td><td>${text}</td></tr>`;

function startPage(proxied: { console: boolean; live: boolean }): string {
  const rows = [
    row('/docs', 'the tables and functions that your role may use, with a form for each request'),
    row('/openapi.json', 'the same as an OpenAPI document'),
    ...(proxied.console
      ? [
          row(
            '/console/',
            'the console: pools, replicas, sockets, jobs, statements (<code>npx --no -- tidemark console</code> prints a link that opens it)',
          ),
        ]
      : []),
    plain('/rest/v1/&lt;table&gt;', 'rows of a table or view, in the grammar of PostgREST'),
    ...(proxied.live
      ? [plain('/live', 'WebSocket with the subprotocol <code>tidemark.v1</code>: follows such a query')]
      : []),
    plain('/api/v1/jobs', 'batch jobs'),
    plain('/api/v1/files', 'files'),
    row('/readyz', 'whether this instance is ready'),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidemark</title>
<link rel="icon" href="data:,">
<style>
body { margin: 3rem auto; max-width: 52rem; padding: 0 1.2rem; font: 16px/1.5 system-ui, sans-serif; color: #06303e; background: #fff; }
table { border-collapse: collapse; width: 100%; }
td { padding: .45rem .8rem .45rem 0; border-bottom: 1px solid #d5e3e6; vertical-align: top; }
td:first-child { white-space: nowrap; }
a { color: #0b5f7a; }
pre { padding: .8rem; background: #eef5f6; overflow-x: auto; }
</style>
</head>
<body>
<main>
<h1>Tidemark is running</h1>
<table>
${rows.join('\n')}
</table>
<h2>Try it</h2>
<p>The tokens are in <code>.tidemark/credentials.json</code> (in <code>TIDEMARK_HOME</code>). In the folder of the clone:</p>
<pre>TOKEN=$(node -p "require('./.tidemark/credentials.json').user")
curl -i "$ORIGIN/rest/v1/&lt;table&gt;?limit=3" -H "Authorization: Bearer $TOKEN"
npx --no -- tidemark --help</pre>
<p>Set <code>ORIGIN</code> to the address of this page.</p>
</main>
</body>
</html>
`;
}
