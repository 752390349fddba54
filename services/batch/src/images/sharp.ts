/** Loads libvips on first use: the service's process reads every kind, and would keep 15 MB of it for the workers' work. */
import { createRequire } from 'node:module';
import type * as module from 'sharp';

const require = createRequire(import.meta.url);
let loaded: typeof module.default | undefined;

export function libvips(): typeof module.default {
  if (loaded === undefined) {
    loaded = require('sharp') as typeof module.default;
    // The worker processes provide the concurrency; each operation uses one thread, and caches nothing.
    loaded.concurrency(1);
    loaded.cache(false);
  }
  return loaded;
}
