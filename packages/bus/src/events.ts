import type { TidemarkError } from '@tidemark/contracts';

export type BusEvent =
  | { type: 'bus.connected'; server: string }
  | { type: 'bus.disconnected'; server: string }
  | { type: 'bus.reconnected'; server: string }
  | { type: 'bus.error'; error: Error }
  /** The server no longer accepts the credentials: BUS_UNAUTHORIZED, reported once until it accepts them again. */
  | { type: 'bus.unauthorized'; error: TidemarkError }
  /** BUS_PERMISSION_DENIED, reported once a minute for each subject. */
  | { type: 'bus.permission_denied'; error: TidemarkError }
  | { type: 'bus.slow_consumer'; subject: string; pending: number }
  | { type: 'bus.invalid_payload'; subject: string; problem: string }
  | { type: 'changes.following'; sequence: number }
  | { type: 'changes.failed'; error: Error }
  | { type: 'changes.gap'; expected: number; got: number }
  | { type: 'changes.epoch'; from: string | null; to: string };
