export { freePort, freePorts } from '@tidemark/local-stack';
export { METRICS_ENV, metricsPage } from './metrics-page.ts';
export {
  type DatabaseOptions,
  describeForTests,
  type TestDatabase,
  TestStack,
  useTestStack,
} from './test-stack.ts';
