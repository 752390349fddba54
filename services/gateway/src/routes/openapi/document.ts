/** The OpenAPI 3.1 document of what a role may use: https://spec.openapis.org/oas/v3.1.1 */
import type { Catalog, Rights } from '@tidemark/plan';
import type { Schema } from './column-schema.ts';
import { parameters, problemSchema, responses, securitySchemes } from './components.ts';
import { describeFunctions } from './functions.ts';
import { ownPaths, ownSchemas } from './own-paths.ts';
import { describeTables } from './tables.ts';

export function buildDocument(catalog: Catalog, rights: Rights, role: string): Schema {
  const tables = describeTables(catalog, rights);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tidemark',
      version: String(catalog.version),
      description: `Tables and functions of the schemas ${catalog.schemas.join(', ')}, as the role ${role} may use them. The query language is PostgREST’s. Answers are compressed as Accept-Encoding wishes, a traceparent is continued, and where it is enabled Accept: application/vnd.pgrst.plan+json shows the execution plan instead of the answer.`,
    },
    servers: [{ url: '/' }],
    security: [{}, { token: [] }, { apikey: [] }],
    paths: { ...tables.paths, ...describeFunctions(catalog, rights, tables.schemas), ...ownPaths },
    components: {
      schemas: { ...tables.schemas, ...ownSchemas, Problem: problemSchema },
      parameters,
      responses,
      securitySchemes,
    },
  };
}
