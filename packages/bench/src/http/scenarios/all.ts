import type { Scenario } from '../scenario.ts';
import { cached } from './cached.ts';
import { cachedCoded, listCoded } from './coded.ts';
import { exportCsv } from './export.ts';
import { insert100, insert100NoFsync, insert1000, insert1000NoFsync } from './insert.ts';
import { list } from './list.ts';
import { read } from './read.ts';
import { readRls } from './read-rls.ts';
import { resetCall, resetRead } from './reset.ts';

/** The durable scenarios are last, because they need another stack. */
export const scenarios: readonly Scenario[] = [
  read,
  readRls,
  cached,
  cachedCoded,
  list,
  listCoded,
  exportCsv,
  resetRead,
  resetCall,
  insert100NoFsync,
  insert1000NoFsync,
  insert100,
  insert1000,
];
