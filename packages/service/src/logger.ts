import { type Level, type Logger, pino } from 'pino';

export type { Level, Logger };

export interface LoggerOptions {
  service: string;
  instance: string;
  level: string;
}

/** JSON lines on stdout, without secrets. */
export function createLogger(options: LoggerOptions): Logger {
  return pino({
    level: options.level,
    base: { service: options.service, instance: options.instance },
    redact: ['req.headers.authorization', 'req.headers.apikey', 'req.headers.cookie'],
  });
}
