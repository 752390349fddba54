import type { Database } from '@tidemark/db';
import type { FileRegistry, FileStore } from '@tidemark/files';
import type { CatalogFollower, PlanCache } from '@tidemark/plan';
import type { Cache } from './cache/cache.ts';
import type { Config } from './config.ts';
import type { Exporter } from './reply/export/exporter.ts';
import type { AskAtOnce } from './request/ask-at-once.ts';
import type { ReadRequests } from './request/read-requests.ts';
import type { Writer } from './writes/writer.ts';

export interface RouteContext {
  readonly config: Config;
  readonly db: Database;
  readonly catalog: CatalogFollower;
  readonly cache: Cache | undefined;
  readonly plans: PlanCache;
  readonly readRequests: ReadRequests;
  readonly writer: Writer;
  readonly exporter: Exporter;
  readonly atOnce: AskAtOnce;
  readonly files: { readonly store: FileStore; readonly registry: FileRegistry };
}
