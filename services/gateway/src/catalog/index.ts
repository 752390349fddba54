/** For who generates something from the catalog: `tidemark types`. */
export type { Catalog, Column, Relation, Relationship, Routine } from './catalog.ts';
export { loadCatalog } from './load.ts';
