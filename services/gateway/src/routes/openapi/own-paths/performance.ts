/** The performance API, which the gateway passes on to the metrics service. */
import { PERFORMANCE_PATHS } from '@tidemark/contracts';
import type { Schema } from '../column-schema.ts';
import { jsonContent, refused } from '../components.ts';
import { inPath, inQuery, type Paths } from './parts.ts';

const PREFIX = '/api/v1/performance';
const PARAMETER = /\{(\w+)\}/g;

export const performancePaths: Paths = describe();

function describe(): Record<string, Schema> {
  const paths: Record<string, Schema> = {};
  for (const { method, path, summary, query = [] } of PERFORMANCE_PATHS) {
    const names = [...path.matchAll(PARAMETER)].map(([, name]) => name as string);
    const parameters = [
      ...names.map((name) => inPath(name, `The ${name} from the list.`)),
      ...query.map((name) => inQuery(name, 'See services/metrics/README.md.')),
    ];
    paths[PREFIX + path] = {
      ...paths[PREFIX + path],
      [method]: {
        tags: ['performance'],
        operationId: `performance.${method}${path.replace(PARAMETER, '$1').replace(/\W(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
        summary,
        description: 'For tokens with the role ops or service_role.',
        parameters,
        responses: { '200': { description: summary, content: jsonContent({ type: 'object' }) }, ...refused },
      },
    };
  }
  return paths;
}
