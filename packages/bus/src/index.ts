export type { AnswerOptions, AskOptions } from './ask.ts';
export { type Bus, type BusOptions, connectBus, type SubscribeOptions } from './bus.ts';
export type { ChangeMessage } from './change-message.ts';
export { type ChangeReader, type ChangesFollower, type FollowOptions, followChanges } from './changes-follower.ts';
export { errors as busErrors } from './errors.ts';
export type { BusEvent } from './events.ts';
export { parseServers, type Servers } from './servers.ts';
export { type ChangesLimits, isMissingStream, type WorkLimits } from './streams.ts';
