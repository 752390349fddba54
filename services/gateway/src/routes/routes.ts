import { examplesRoute } from './examples/examples.ts';
import { fileRoutes } from './files/files.ts';
import { jobRoutes } from './jobs/jobs.ts';
import { mediaRoutes } from './media/media.ts';
import { docsRoutes } from './openapi/docs.ts';
import { openapiRoute } from './openapi/openapi.ts';
import { rpcRoute } from './rpc/call.ts';
import { scheduleRoutes } from './schedules/schedules.ts';
import { startPageRoute } from './start-page/start-page.ts';
import { tableWriteRoutes } from './tables/write.ts';
import { wrongPaths } from './tables/wrong-paths.ts';
import { transactionRoute } from './transaction/transaction.ts';

/** All routes but the reads of tables, which also get the fast path. */
export const ROUTES = [
  rpcRoute,
  tableWriteRoutes,
  transactionRoute,
  jobRoutes,
  scheduleRoutes,
  fileRoutes,
  mediaRoutes,
  openapiRoute,
  docsRoutes,
  startPageRoute,
  examplesRoute,
  wrongPaths,
];
