/** OpenAPI describes the routes that exist, and no others. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PERFORMANCE_PATHS } from '@tidemark/contracts';
import t from 'tap';

const ROUTES = join(import.meta.dirname, '..', '..', 'src', 'routes');
const ROUTE = /app\.(get|post|delete)\(\s*'(\/[^']*)'/g;
/** Routes of the console, which are not below /api/v1/performance. */
const CONSOLE = ['console.ts', 'console-codes.ts'];
/** app.ts gives these their paths. */
const GIVEN = ['get /health', 'get /queries/slow', 'get /queries/recent'];

t.test('the list of the performance API has every route, and none that does not exist', async (t) => {
  const exist = readdirSync(ROUTES)
    .filter((file) => !CONSOLE.includes(file))
    .flatMap((file) => [...readFileSync(join(ROUTES, file), 'utf8').matchAll(ROUTE)])
    .map(([, method, path]) => `${method} ${path?.replace(/:(\w+)/g, '{$1}')}`);
  t.same(PERFORMANCE_PATHS.map(({ method, path }) => `${method} ${path}`).sort(), [...exist, ...GIVEN].sort());
});
