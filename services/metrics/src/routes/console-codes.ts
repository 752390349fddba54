/**
 * One-time codes for links, so that a terminal or a log holds no token. POST /console/code, with an operator's token, answers a
 * code for that token, or for another valid token in TOKEN_HEADER; POST /console/token, with the code, answers the token once.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { BaseApp, Limiter, VerifyTokenFrom } from '@tidemark/service';
import fp from 'fastify-plugin';
import { LRUCache } from 'lru-cache';
import { errors } from '../errors.ts';
import { operatorToken } from '../plugins/operators-only.ts';

const CODE_BYTES = 16;
const LIFETIME_MS = 10 * 60_000;
/** Unused codes, of about 1 KB each; the oldest makes room. */
const MAX_CODES = 100;
const REDEMPTIONS_PER_S = 5;
const BURST_S = 10;
const HEADER = 'tidemark-console-code';
/** The example pages get the token of a user. */
const TOKEN_HEADER = 'tidemark-code-token';

export type ConsoleCodes = LRUCache<string, string>;

/** The keys are hashes of codes, the values tokens. */
export const createConsoleCodes = (): ConsoleCodes => new LRUCache({ max: MAX_CODES, ttl: LIFETIME_MS });

const hashed = (code: string): string => createHash('sha256').update(code).digest('base64');

export interface IssueOptions {
  readonly codes: ConsoleCodes;
  readonly verifyToken: VerifyTokenFrom;
  readonly limiter: Limiter;
}

/** Requires an operator's token. */
export const issueConsoleCode = fp(
  async (app: BaseApp, { codes, verifyToken, limiter }: IssueOptions) => {
    app.post('/console/code', async (request, reply) => {
      const other = request.headers[TOKEN_HEADER];
      if (typeof other === 'string') await verifyToken(other, limiter.addressOf(request.raw));
      const code = randomBytes(CODE_BYTES).toString('base64url');
      codes.set(hashed(code), typeof other === 'string' ? other : operatorToken(request));
      reply.header('cache-control', 'no-store');
      return { code, expires_in: LIFETIME_MS / 1_000 };
    });
  },
  { name: 'issue-console-code', dependencies: ['operators-only'] },
);

export const redeemConsoleCode = fp(
  async (app: BaseApp, { codes, limiter }: { codes: ConsoleCodes; limiter: Limiter }) => {
    const rate = limiter.rate({
      policy: 'console_codes',
      what: 'codes of the console',
      perSecond: REDEMPTIONS_PER_S,
      burstSeconds: BURST_S,
    });
    app.post('/console/token', async (request, reply) => {
      const refusal = rate.refuses(limiter.networkOf(request.raw));
      if (refusal) throw refusal;
      const code = request.headers[HEADER];
      const key = typeof code === 'string' ? hashed(code) : '';
      const token = codes.get(key);
      codes.delete(key);
      if (token === undefined) throw errors.CONSOLE_CODE();
      reply.header('cache-control', 'no-store');
      return { token };
    });
  },
  { name: 'redeem-console-code' },
);
