/** Asks a batch instance for what is answered without a job: transforms, thumbnails, OCR. The gateway itself decodes nothing. */
import type { Bus } from '@tidemark/bus';
import { AtOnceAnswer, type AtOnceRequest, TidemarkError } from '@tidemark/contracts';
import { type Metrics, SharedLimit } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';
import { identityOf } from './identity-of.ts';

export type AskAtOnce = (request: FastifyRequest, question: AtOnceQuestion) => Promise<AtOnceAnswer>;

/** A union of the parts, where Omit alone would keep only what they share. */
type WithoutTime<T> = T extends unknown ? Omit<T, 'timeoutMs'> : never;
type AtOnceQuestion = WithoutTime<AtOnceRequest>;

/** The client gets an answer within this time. */
const DEADLINE_MS = 10_000;
/** The way back, so that the reason arrives before the deadline. */
const RETURN_MS = 500;
/** Instances are chosen at random, so that another one may have room. */
const ATTEMPTS = 3;
/** The share of one identity: a quarter, over half of the limit. */
const SHARE_PERCENT = 25;

export function createAskAtOnce(
  bus: Bus,
  { AT_ONCE_MAX: limit }: Pick<Config, 'AT_ONCE_MAX'>,
  metrics: Metrics,
): AskAtOnce {
  const places = new SharedLimit(limit, SHARE_PERCENT);
  metrics.gauge('tidemark_gateway_at_once', 'Requests that wait for a batch instance', [], (g) => g.set(places.used));
  const refused = metrics.counter(
    'tidemark_gateway_at_once_refused_total',
    'Requests for a batch instance refused, by the limit',
    ['limit'],
  );

  async function ask(question: AtOnceQuestion): Promise<AtOnceAnswer> {
    const deadline = performance.now() + DEADLINE_MS;
    for (let attempt = 1; ; attempt += 1) {
      const timeoutMs = Math.max(1, Math.floor(deadline - performance.now()));
      const request = { ...question, timeoutMs: Math.max(1, timeoutMs - RETURN_MS) };
      try {
        return await bus.ask<AtOnceAnswer>(bus.subjects.atOnce, request, { schema: AtOnceAnswer, timeoutMs });
      } catch (error) {
        const isBusy = error instanceof TidemarkError && error.code === 'BUS_BUSY';
        if (!isBusy) throw error;
        if (attempt === ATTEMPTS) throw errors.AT_ONCE_BUSY(undefined, { cause: error });
      }
    }
  }

  return async (request, question) => {
    const identity = identityOf(request);
    const full = places.take(identity);
    if (full) {
      refused.inc({ limit: full.where });
      throw full.where === 'share'
        ? errors.AT_ONCE_SHARE({ running: full.wanted - 1 })
        : errors.AT_ONCE_FULL({ limit });
    }
    try {
      return await ask(question);
    } finally {
      places.give(identity);
    }
  };
}
