export type BusEvent =
  | { type: 'bus.connected'; server: string }
  | { type: 'bus.disconnected'; server: string }
  | { type: 'bus.reconnected'; server: string }
  | { type: 'bus.error'; error: Error }
  | { type: 'bus.slow_consumer'; subject: string; pending: number }
  | { type: 'bus.invalid_payload'; subject: string; problem: string };
