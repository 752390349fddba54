export type { AnswerOptions, AskOptions } from './ask.ts';
export { type Bus, type BusOptions, connectBus, type SubscribeOptions } from './bus.ts';
export { errors as busErrors } from './errors.ts';
export type { BusEvent } from './events.ts';
export type { StreamLimits } from './streams.ts';
