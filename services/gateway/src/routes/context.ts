/** What the routes need; made once by app.ts. */
import type { Database } from '@tidemark/db';
import type { FileRegistry, FileStore } from '@tidemark/files';
import type { CatalogFollower } from '../catalog/follow.ts';
import type { Config } from '../config.ts';

export interface RouteContext {
  readonly config: Config;
  readonly db: Database;
  readonly catalog: CatalogFollower;
  readonly files: { readonly store: FileStore; readonly registry: FileRegistry };
}
