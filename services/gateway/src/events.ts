import type { Level, SharedEvent } from '@tidemark/service';
import type { CacheEvent } from './cache/cache.ts';

type OwnEvent =
  | CacheEvent
  | { type: 'gateway.catalog_reloaded'; version: number; relations: number }
  | { type: 'gateway.catalog_failed'; error: Error }
  | { type: 'gateway.settings_ignored'; names: readonly string[] }
  | { type: 'gateway.files_swept'; temporary: number; orphans: number }
  | { type: 'gateway.files_sweep_failed'; error: Error }
  | { type: 'gateway.keys_sweep_failed'; error: Error };

export type GatewayEvent = OwnEvent | SharedEvent;

export const eventLevels: Readonly<Record<OwnEvent['type'], Level | undefined>> = {
  'cache.paused': 'warn',
  'cache.serving': 'info',
  'cache.failed': 'warn',
  'cache.shared_failed': 'warn',
  'gateway.catalog_reloaded': 'info',
  'gateway.catalog_failed': 'warn',
  'gateway.settings_ignored': 'warn',
  'gateway.files_swept': 'info',
  'gateway.files_sweep_failed': 'warn',
  'gateway.keys_sweep_failed': 'warn',
};
