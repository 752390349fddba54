import type { HealthAnswer } from '../health/answer.ts';

type Instances = Pick<HealthAnswer, 'instances'>;

/** Instances that answer questions about their connections, threads and statements. */
export const inspectedInstances = ({ instances }: Instances): string[] =>
  instances.map(({ instance }) => instance).sort();

/** Without those of this service, which looks at Postgres each second: its statements would hide all others. */
export const userInstances = ({ instances }: Instances): string[] =>
  inspectedInstances({ instances: instances.filter(({ service }) => service !== 'metrics') });
