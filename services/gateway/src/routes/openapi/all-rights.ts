import type { Catalog, Rights } from '@tidemark/plan';

/** OPENAPI_MODE=ignore-privileges: the document lists everything that is exposed. */
export function allRights(catalog: Catalog): Rights {
  const every = Object.freeze({ select: true, insert: true, update: true });
  return {
    table(schema, name) {
      const relation = catalog.relation(schema, name);
      return (
        relation && { columns: new Map([...relation.columns.keys()].map((column) => [column, every])), delete: true }
      );
    },
    mayCall: () => true,
  };
}
