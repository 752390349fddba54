import { defineErrors, row } from '@tidemark/contracts';
import { whose } from './whose.ts';

export const channelErrors = defineErrors('RT', {
  CHANNEL_FORBIDDEN: row<{ channel: string; right: 'join' | 'send'; command: 'select' | 'insert' }>({
    status: 403,
    message: (p) => `you may not ${p.right === 'join' ? 'join' : 'send to'} the channel "${p.channel}"`,
    hint: (p) =>
      `Policies on tidemark.channels for ${p.command} decide, by kind and key of the name. The channel user:<sub> belongs to its user, and public:<key> is open to all.`,
  }),
  CHANNEL_JOINED: row<{ channel: string }>({
    status: 409,
    message: (p) => `this socket is in the channel "${p.channel}" already`,
    hint: 'Send {"op":"state"} to change the state.',
  }),
  CHANNEL_NOT_JOINED: row<{ channel: string }>({
    status: 404,
    message: (p) => `this socket is not in the channel "${p.channel}"`,
    hint: 'Join it first. A "left" frame tells that a membership has ended.',
  }),
  CHANNEL_FULL: row<{ channel: string; limit: number }>({
    status: 429,
    message: (p) => `the channel "${p.channel}" shows ${p.limit} members already`,
    hint: 'Join without a state. You receive messages, but are not shown as present.',
  }),
  CHANNEL_RATE: row<{ channel: string; limit: number; where: 'instance' | 'share' }>({
    status: 429,
    message: (p) =>
      `more than ${p.limit} messages were sent ${p.where === 'share' ? 'by you ' : ''}to the channel "${p.channel}" within a second`,
    hint: 'Send less often: a few times a second where only the newest message matters (a position, typing).',
    retryAfter: 1,
  }),
  STATE_TOO_LARGE: row<{ limit: number }>({
    status: 413,
    message: (p) => `the state is larger than ${p.limit} bytes`,
    hint: 'Every member of the channel receives the state. Store large data in a table, and put its key into the state.',
  }),
  STATES_FULL: row<{ limit: number; where: 'share' | 'instance' }>({
    status: 503,
    message: (p) => `the states of the members of this ${whose(p.where)} have ${p.limit} bytes already`,
    hint: 'Join without a state, or with a smaller one.',
    retryAfter: 5,
  }),
  SOCKET_CHANNELS: row<{ limit: number }>({
    status: 429,
    message: (p) => `this socket is in ${p.limit} channels, which is the limit`,
    hint: 'Leave channels that are no longer shown, or open another socket.',
    retryAfter: 5,
  }),
  TOO_MANY_CHANNELS: row<{ limit: number; where: 'share' | 'instance' }>({
    status: 429,
    message: (p) => `this ${whose(p.where)} is in ${p.limit} channels`,
    hint: 'Try again, or reconnect to reach another instance.',
    retryAfter: 5,
  }),
});
