export { type JobState, useJob } from './use-job.ts';
export { type LiveState, useLive } from './use-live.ts';
export { type QueryState, useQuery } from './use-query.ts';
