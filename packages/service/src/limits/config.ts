import { Type } from 'typebox';

export const limiterConfig = {
  TRUST_PROXY: Type.String({
    default: '',
    pattern: '^(?!true$)[0-9A-Za-z.:/, ]*$',
    description:
      'whose X-Forwarded-For counts: the number of proxies in front, or their addresses (10.0.0.0/8, loopback); empty: nobody’s. Never all of them: then a client could name any address as its own',
  }),
  IDENTITY_SHARE_PERCENT: Type.Integer({
    default: 5,
    minimum: 1,
    maximum: 100,
    description:
      'percent of each limit that one identity or address may use once the instance is over half of it; below half, one may use all of it',
  }),
  RATE_LIMIT_IDENTITIES: Type.Integer({
    default: 100_000,
    minimum: 1_000,
    maximum: 10_000_000,
    description:
      'identities counted at a time, about 200 bytes each; past it the one that was silent longest starts afresh',
  }),
  BAD_TOKENS_PER_S: Type.Integer({
    default: 1_000,
    minimum: 0,
    description:
      'tokens a second that may turn out to be invalid, 10 s’ worth at once; then they are refused unchecked. A check takes about 0.1 ms. 0: no limit',
  }),
};

export const opensConfig = {
  OPENS_PER_S: Type.Integer({
    default: 1_000,
    minimum: 0,
    description:
      'WebSockets and event streams opened a second (at the gateway also requests for the console and the performance API), 30 s’ worth at once: all viewers may come back after a restart. 0: no limit',
  }),
};
