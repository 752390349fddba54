import { type Level, type SharedEvent, sharedEventLevels } from '@tidemark/service';

export type GatewayEvent =
  | SharedEvent
  | { type: 'gateway.catalog_reloaded'; version: number; relations: number }
  | { type: 'gateway.catalog_failed'; error: Error };

export const eventLevels: Readonly<Record<GatewayEvent['type'], Level | undefined>> = {
  ...sharedEventLevels,
  'gateway.catalog_reloaded': 'info',
  'gateway.catalog_failed': 'warn',
};
