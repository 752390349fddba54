/** The frames of `tidemark.v1`: the types of `@tidemark/contracts`, without a dependency at run time. */
import type { ClientFrame, LiveChange, ServerFrame, SocketLimits } from '@tidemark/contracts';
import { TidemarkError } from '../errors.ts';

export type { ClientFrame, LiveChange, ServerFrame, SocketLimits };
export type FrameOf<Op extends ServerFrame['op']> = Extract<ServerFrame, { op: Op }>;

export const SUBPROTOCOL = 'tidemark.v1';

/** The server's defaults, for servers that do not announce their limits. */
export const DEFAULT_LIMITS: SocketLimits = {
  frameBytes: 64 * 1024,
  framesPerSecond: 200,
  subscriptions: 100,
  channels: 50,
};

export const asError = (frame: FrameOf<'error'>): TidemarkError =>
  new TidemarkError({ code: frame.code, message: frame.message, hint: frame.hint, retry: frame.retry });
