export type * from './ast.ts';
export { LIMITS, type Limits } from './limits.ts';
export { readPairs } from './pairs.ts';
export { type ParseOptions, parseQuery } from './parse.ts';
