import {
  AuthFrame,
  type ClientFrame,
  JoinFrame,
  LeaveFrame,
  PingFrame,
  SendFrame,
  StateFrame,
  SubscribeFrame,
  UnsubscribeFrame,
} from '@tidemark/contracts';
import { Compile } from 'typebox/compile';
import { errors } from '../errors.ts';
import type { FrameNames } from '../topics/frame.ts';

const VALIDATORS = {
  auth: Compile(AuthFrame),
  subscribe: Compile(SubscribeFrame),
  unsubscribe: Compile(UnsubscribeFrame),
  ping: Compile(PingFrame),
  join: Compile(JoinFrame),
  leave: Compile(LeaveFrame),
  send: Compile(SendFrame),
  state: Compile(StateFrame),
};

/** Characters of an id and of a channel's name up to which an error repeats them. */
const MAX_ID = 64;
const MAX_CHANNEL = 192;

const OPS = Object.keys(VALIDATORS).join(', ');

/** Levels of nesting in a frame: JSON.stringify exceeds the stack at some thousand, here and at the receivers. */
const MAX_DEPTH = 100;

export function readClientFrame(text: string): ClientFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw errors.FRAME_INVALID({ expected: `JSON was expected (${(cause as Error).message})` }, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw errors.FRAME_INVALID({ expected: 'a JSON object was expected' });
  }
  const { op } = value as { op?: unknown };
  if (typeof op !== 'string' || !Object.hasOwn(VALIDATORS, op)) {
    const given = typeof op === 'string' ? JSON.stringify(op.slice(0, 40)) : `of type ${typeof op}`;
    throw errors.FRAME_INVALID({ expected: `"op" is ${given}; one of ${OPS} was expected` });
  }
  if (isDeeper(value, MAX_DEPTH))
    throw errors.FRAME_INVALID({ expected: `${op}: at most ${MAX_DEPTH} levels were expected` });
  const validator = VALIDATORS[op as keyof typeof VALIDATORS];
  if (validator.Check(value)) return value as ClientFrame;
  const [first] = validator.Errors(value);
  const where = first?.instancePath ? `"${first.instancePath.slice(1)}" ` : '';
  throw errors.FRAME_INVALID({ expected: `${op}: ${where}${first?.message ?? 'does not fit its schema'}` });
}

const CHANNEL_OPS: ReadonlySet<string> = new Set(['join', 'leave', 'send', 'state']);
const QUERY_OPS: ReadonlySet<string> = new Set(['subscribe', 'unsubscribe']);

/** Names inside a state or a payload do not count. A frame that cannot be parsed has none. */
export function namesOf(text: string): FrameNames {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return {};
  }
  if (typeof value !== 'object' || value === null) return {};
  const { op, id, channel } = value as Record<string, unknown>;
  if (typeof op !== 'string' || !Object.hasOwn(VALIDATORS, op)) return {};
  if (QUERY_OPS.has(op) && typeof id === 'string' && id.length <= MAX_ID) return { frame: op, id };
  if (CHANNEL_OPS.has(op) && typeof channel === 'string' && channel.length <= MAX_CHANNEL)
    return { frame: op, channel };
  return { frame: op };
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}
