export { type Case, cases } from './cases.ts';
export { type FuzzOptions, type FuzzResult, fuzz } from './fuzz.ts';
export { type Answered, judge } from './judge.ts';
export { CALLER, FUZZ_SQL, SECRET } from './schema.ts';
