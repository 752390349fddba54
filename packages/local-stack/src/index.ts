export { BoundedLog } from './bounded-log.ts';
export { unpackDebian } from './debian-programs.ts';
export { errors } from './errors.ts';
export { adoptFolder } from './home-folder.ts';
export { installCommand } from './nats-binary.ts';
export type { NatsLimits, NatsNode } from './nats-node.ts';
export { type PostgresNode, type StopMode, withClient } from './postgres-node.ts';
export type { ReplicaNode } from './replica.ts';
export type { UnexpectedExit } from './server-process.ts';
export { startStack } from './stack.ts';
export type { Stack, StackOptions } from './stack-options.ts';
export { METRICS_ENV, metricsPage } from './test-metrics.ts';
export {
  type DatabaseOptions,
  describeForTests,
  startTemporaryStack,
  type TestDatabase,
  TestStack,
  useTestStack,
} from './test-stack.ts';
export { asUser, canEnter, canRead, lookUpUser, type User, unprivilegedUser } from './unprivileged-user.ts';
