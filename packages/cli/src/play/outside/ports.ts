/** The addresses of what a story plays outside of the stack. `up` lets its batch service call them. */
import type { Stage } from '../stage.ts';

/** The distance of each port from the gateway's. The ports of the services come first. */
const OFFSETS = { model: 8, shop: 9 } as const;

export const outsidePortOf = (gatewayPort: number, what: keyof typeof OFFSETS): number => gatewayPort + OFFSETS[what];

export const outsidePort = (stage: Stage, what: keyof typeof OFFSETS): number =>
  outsidePortOf(Number(new URL(stage.url).port || 80), what);
