import { type Level, type Logger, pino } from 'pino';
import { openLogDestination } from './log-destination.ts';
import { redact } from './redact.ts';

export type { Level, Logger };

const STDOUT = 1;

export interface LoggerOptions {
  service: string;
  instance: string;
  level: string;
  /** File descriptor of the output; default 1, standard output. */
  fd?: number;
}

/**
 * Creates a logger of JSON lines on standard output. `redact` processes each whole line, so that no line contains a secret.
 * Lines that cannot be written are dropped, and the log reports their number.
 */
export function createLogger({ service, instance, level, fd = STDOUT }: LoggerOptions): Logger {
  const destination = openLogDestination(fd, (dropped) => {
    logger.warn({ dropped }, 'log lines were dropped: standard output did not take them');
  });
  const logger = pino({ level, base: { service, instance }, hooks: { streamWrite: redact } }, destination);
  return logger;
}
