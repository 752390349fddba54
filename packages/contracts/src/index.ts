export * from './changes.ts';
export * from './errors.ts';
export * from './jobs.ts';
export * from './live.ts';
export * from './performance.ts';
export * from './subjects.ts';
export * from './telemetry.ts';
export * from './tidemark.ts';
