export { type ClientOptions, createClient, TidemarkClient } from './client.ts';
export { type Problem, TidemarkError } from './errors.ts';
export { Files, type ListOptions, type StoredFile, type UploadOptions } from './files.ts';
export {
  type CreateJob,
  type Job,
  type JobFailure,
  type JobFailureCount,
  type JobItem,
  type JobItemsOptions,
  Jobs,
  type TimedJob,
} from './jobs.ts';
export { Channel } from './live/channel.ts';
export type { ChannelMessage, ChannelOptions, Member } from './live/channel-types.ts';
export type { ConnectionState } from './live/connection-state.ts';
export type { LiveEvent, LiveStatus } from './live/event.ts';
export { type LiveOptions, LiveQuery } from './live/live-query.ts';
export { type CreateSchedule, type Schedule, type ScheduleRun, Schedules } from './schedules.ts';
export type { TokenSource } from './session.ts';
export { type Followable, SchemaClient, type SchemaTypes } from './tables.ts';
