/** What a service says of itself at /metrics. */
import { metricsPage } from '@tidemark/testing';
import { errors } from '../errors.ts';

/**
 * A gauge or counter; those of several labels are summed. @param labels such as `type="topic.resync"`
 * @throws BENCH_WRONG_ANSWER where the page has no such metric, which is not the same as none of these labels
 */
export type ReadMetric = (name: string, labels?: string) => number;

/** One reading of the page: its readMetrics belong together. */
export async function readMetrics(url: string): Promise<ReadMetric> {
  const page = await metricsPage(url);
  return (name, labels = '') => {
    if (!page.includes(`# TYPE ${name} `)) {
      throw errors.WRONG_ANSWER({ what: `/metrics, asked for ${name},`, status: 200, text: page });
    }
    let sum = 0;
    for (const [, given = '', value] of page.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)`, 'gm'))) {
      if (given.includes(labels)) sum += Number(value);
    }
    return sum;
  };
}
