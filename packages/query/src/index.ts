export {
  acceptedTypes,
  contentType,
  MEDIA_KINDS,
  type MediaKind,
  type MediaType,
  type OwnMedia,
  type PlanMedia,
  type PlanOption,
  type RowsMedia,
  type SimpleMedia,
  selectMediaType,
} from './accept.ts';
export type * from './ast.ts';
export { canonical, canonicalWhere, likePattern } from './canonical.ts';
export { type ConditionTarget, conditionSql, jsonPathSql } from './condition-sql.ts';
export type { ColumnTypes, FilterProblem } from './evaluate/compilation.ts';
export { type CompiledFilter, type CompileOptions, compileFilter } from './evaluate/compile.ts';
export { type FilterCost, stepsAt } from './evaluate/cost.ts';
export { type EqualityColumn, type EqualityKeys, equalityKey, equalityKeys } from './evaluate/equality.ts';
export { explainFilter, type FilterPart } from './evaluate/explain.ts';
export type { Predicate, Row } from './evaluate/predicate.ts';
export type { ColumnType, ColumnTypeDetail } from './evaluate/scalar.ts';
export { LIMITS, type Limits } from './limits.ts';
export { readPairs } from './pairs.ts';
export { type ParseOptions, parseQuery } from './parse.ts';
export { type Preferences, type PreferOptions, parsePrefer, preferenceApplied } from './prefer.ts';
export { assertSatisfiable, contentRange, intersectRanges, parseRange, type RowRange, rangeStatus } from './range.ts';
export { render } from './render.ts';
