/** The paths of Tidemark itself; those of tables and functions follow from the catalog. */
import type { Schema } from './column-schema.ts';
import { filePaths, fileSchemas } from './own-paths/files.ts';
import { jobPaths, jobSchemas } from './own-paths/jobs.ts';
import { mediaPaths, mediaSchemas } from './own-paths/media.ts';
import { performancePaths } from './own-paths/performance.ts';
import { schedulePaths, scheduleSchemas } from './own-paths/schedules.ts';
import { transactionPaths } from './own-paths/transactions.ts';

export const ownSchemas: Readonly<Record<string, Schema>> = {
  ...fileSchemas,
  ...jobSchemas,
  ...mediaSchemas,
  ...scheduleSchemas,
};

export const ownPaths: Readonly<Record<string, Schema>> = {
  ...filePaths,
  ...jobPaths,
  ...mediaPaths,
  ...performancePaths,
  ...schedulePaths,
  ...transactionPaths,
};
