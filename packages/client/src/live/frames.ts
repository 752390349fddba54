/** The frames of `tidemark.v1`, as this client sends and reads them: those of `@tidemark/contracts`, as types alone. */
import type { ClientFrame, LiveChange, ServerFrame } from '@tidemark/contracts';
import { TidemarkError } from '../errors.ts';

export type { ClientFrame, LiveChange, ServerFrame };
export type FrameOf<Op extends ServerFrame['op']> = Extract<ServerFrame, { op: Op }>;

export const SUBPROTOCOL = 'tidemark.v1';

export const asError = (frame: FrameOf<'error'>): TidemarkError =>
  new TidemarkError({ code: frame.code, message: frame.message, hint: frame.hint, retry: frame.retry });
