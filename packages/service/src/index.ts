export { type BaseAppOptions, buildBaseApp } from './base-app.ts';
export type { BaseApp } from './base-app-type.ts';
export { type BusConfig, busConfig, busOptions } from './bus-settings.ts';
export { answerClientError, answerOnSocket, DEFAULT_HEADER_BYTES, rawAnswer } from './client-errors.ts';
export { collectGarbage } from './collect-garbage.ts';
export { codedEtag, matchedEtag, plainEtag } from './compression/coded-etag.ts';
export type { Coding } from './compression/coding.ts';
export {
  type CompressionOptions,
  GZIP_LEVEL,
  type Kept,
  type KeptBodies,
  registerCompression,
} from './compression/compress-replies.ts';
export { CompressionCounts, registerCompressionMetrics } from './compression/compression-counts.ts';
export { baseConfig, commaSeparated, loadConfig } from './config.ts';
export { databaseAliases, databaseConfig, databaseOptions } from './database-config.ts';
export { type DescriptorEvent, type Descriptors, openDescriptors } from './descriptors.ts';
export { authErrors, configErrors, httpErrors, limitErrors, processErrors } from './errors.ts';
export { every, type Repeating, type TaskFailed } from './every.ts';
export { isExhausted } from './exhausted.ts';
export { type Check, createHealth, type Health } from './health.ts';
export { answerRecorder, httpStats, inFlightOf, type RecordAnswer } from './http-timings.ts';
export { answerDatabaseInspections } from './inspections.ts';
export { limiterConfig, opensConfig } from './limits/config.ts';
export {
  createLimiter,
  identityKey,
  type LimitedRate,
  type Limiter,
  type RateOptions,
  type VerifyTokenFrom,
} from './limits/limiter.ts';
export { networkOf } from './limits/network.ts';
export { type Policy, parsePolicies, type Rate, Rates, type Taken } from './limits/rates.ts';
export { Semaphore } from './limits/semaphore.ts';
export { type Refusal, SharedLimit } from './limits/shared-limit.ts';
export { SharedRate, type SharedRateOptions } from './limits/shared-rate.ts';
export { SharedWork } from './limits/shared-work.ts';
export { clientAddress, type TrustProxy, trustedProxies } from './limits/trusted-proxies.ts';
export { createLogger, type Level, type Logger, type LoggerOptions } from './logger.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export type { Observe } from './observe.ts';
export type { OneWriteResponse } from './one-write.ts';
export { pageFiles } from './page-files.ts';
export { answerProcessInspections, type WorkerProcesses } from './process-inspections.ts';
export { profileMainThread } from './process-profile.ts';
export {
  type ChildMessage,
  explain,
  type ParentMessage,
  type Phase,
  type RunningService,
  runPhases,
  runService,
  type ServiceDefinition,
} from './run-service.ts';
export { scheduleErrors } from './schedules/errors.ts';
export { readPattern, type SchedulePattern } from './schedules/pattern.ts';
export { type FirstHandler, serverFactory } from './server-factory.ts';
export { createServiceBase, openServiceTracing, type ServiceBase } from './service-base.ts';
export type { SharedEvent } from './shared-events.ts';
export { startTelemetry, type TelemetryOptions } from './telemetry.ts';
export { tokenConfig, tokenOptions } from './tokens/config.ts';
export type { KeyEvent } from './tokens/key-source.ts';
export { lastingClaims } from './tokens/lasting-claims.ts';
export { registerTokenMetrics } from './tokens/metrics.ts';
export { isOperator, operatorCheck, verifyOperator } from './tokens/operator.ts';
export {
  ANY_ROLE,
  createTokenVerifier,
  DEFAULT_ROLES,
  type TokenVerifier,
  type TokenVerifierOptions,
  tokenOf,
  type VerifiedToken,
  type VerifyToken,
} from './tokens/verifier.ts';
export { tracingConfig } from './tracing/config.ts';
export { formatTraceparent, parseTraceparent, type TraceContext } from './tracing/traceparent.ts';
export { openTracing, type Span, type SpanKind, type Tracing, type TracingOptions } from './tracing/tracing.ts';
export { type TakeUpgrade, takeUpgrades } from './upgrades.ts';
