import { redact } from '@tidemark/contracts';
import { type Level, type Logger, pino } from 'pino';
import { openLogDestination } from './log-destination.ts';

export type { Level, Logger };

const STDOUT = 1;

export interface LoggerOptions {
  service: string;
  instance: string;
  level: string;
  fd?: number;
}

/** `redact` processes each whole line, so that no line contains a secret. */
export function createLogger({ service, instance, level, fd = STDOUT }: LoggerOptions): Logger {
  const destination = openLogDestination(fd, (dropped) => {
    logger.warn({ dropped }, 'log lines were dropped: standard output did not take them');
  });
  const logger = pino({ level, base: { service, instance }, hooks: { streamWrite: redact } }, destination);
  return logger;
}
