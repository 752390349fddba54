import { errors, postgrest } from './errors.ts';

export {
  answersBytes,
  type CallArguments,
  chooseRoutine,
  planCall,
  planCallExport,
  returnsScalars,
  takesBody,
} from './call/call.ts';
export type { Argument, Catalog, Column, Relation, RelationRef, Relationship, Routine } from './catalog/catalog.ts';
export { findRelation } from './catalog/find-relation.ts';
export { findRelationship } from './catalog/find-relationship.ts';
export { type CatalogFollower, followCatalog } from './catalog/follow.ts';
export { loadCatalog } from './catalog/load.ts';
export { type ColumnRights, type Rights, readRights } from './catalog/rights.ts';
export { suggestionFor, unknownFunction } from './catalog/suggestions.ts';
export type { SearchedFunction } from './errors.ts';
export { type KeysetValues, readCursor, writeCursor } from './keyset/cursor.ts';
export { type KeysetRow, planKeyset } from './keyset/keyset.ts';
export { keysetOrder } from './keyset/order.ts';
export { checkLimits, type EmbedLimits } from './read/embed-limits.ts';
export { planExport } from './read/export.ts';
export { fixedColumns, fixesKey } from './read/fixed-columns.ts';
export { mayHideRows } from './read/hidden-rows.ts';
export { PlanCache } from './read/plan-cache.ts';
export { joinRows } from './read/primary-key-read.ts';
export { planEstimate, planRead, type ReadOptions } from './read/read.ts';
export { seesRequest } from './read/sees-request.ts';
export { PLAIN_CAST } from './read/session-safe.ts';
export type { AnswerRow, ResponseSettings } from './sql/answer-row.ts';
export { LONG_ANSWER } from './sql/body.ts';
export { relationStampsSql } from './sql/guard-column.ts';
export { BAD_HEADERS, BAD_STATUS, OWN_HEADERS } from './sql/response-settings.ts';
export { RETYPED } from './write/column-types.ts';
export { type GroupedRow, planGroupedInsert } from './write/grouped-insert.ts';
export { checkStructure, formPairs, type Payload, payloadOf } from './write/payload.ts';
export { type InsertOptions, planDelete, planInsert, planUpdate, type WriteRow } from './write/write.ts';

export const planErrors = { postgrest, gateway: errors };
