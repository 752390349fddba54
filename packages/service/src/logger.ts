import { type Level, type Logger, pino } from 'pino';
import { openLogDestination } from './log-destination.ts';

export type { Level, Logger };

const STDOUT = 1;

export interface LoggerOptions {
  service: string;
  instance: string;
  level: string;
  /** Descriptor that lines go to; default 1, standard output. */
  fd?: number;
}

/** JSON lines on stdout, without secrets. Lines that cannot be written are dropped, and the log says how many. */
export function createLogger(options: LoggerOptions): Logger {
  const destination = openLogDestination(options.fd ?? STDOUT, (dropped) => {
    logger.warn({ dropped }, 'log lines were dropped: standard output did not take them');
  });
  const logger = pino(
    {
      level: options.level,
      base: { service: options.service, instance: options.instance },
      redact: ['req.headers.authorization', 'req.headers.apikey', 'req.headers.cookie'],
    },
    destination,
  );
  return logger;
}
