export { freePort, freePorts } from '@tidemark/local-stack';
export { METRICS_ENV, metricsPage } from './metrics-page.ts';
export { checkTable, ENVIRONMENT, environmentRows } from './reference-table.ts';
export { type CollectedSpan, openSpanCollector, type SpanCollector } from './span-collector.ts';
export {
  type DatabaseOptions,
  describeForTests,
  type TestDatabase,
  TestStack,
  useTestStack,
} from './test-stack.ts';
export { until } from './until.ts';
