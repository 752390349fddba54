/** Business code reports events with `observe({ type: 'db.refused', … })`; the log and the metrics read them. */
import type { Level } from 'pino';
import type { Logger } from './logger.ts';

export type Observe<E> = (event: E) => void;

export function createObserve<E extends { type: string }>(readers: readonly Observe<E>[]): Observe<E> {
  return (event) => {
    for (const read of readers) read(event);
  };
}

export function logReader<E extends { type: string }>(
  logger: Logger,
  levels: Readonly<Record<E['type'], Level | undefined>>,
): Observe<E> {
  return (event) => {
    const level = levels[event.type as E['type']];
    if (!level) return;
    const { type, error, ...rest } = event as { type: string; error?: unknown };
    logger[level](error === undefined ? rest : { ...rest, err: error }, type);
  };
}
