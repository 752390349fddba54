import type { Scenario } from '../scenario.ts';
import { cached } from './cached.ts';
import { insert100, insert1000 } from './insert.ts';
import { list } from './list.ts';
import { read } from './read.ts';
import { readRls } from './read-rls.ts';

/** In the order in which they run. */
export const scenarios: readonly Scenario[] = [read, readRls, insert100, insert1000, cached, list];
