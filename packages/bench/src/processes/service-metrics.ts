import { metricsPage } from '@tidemark/testing';
import { errors } from '../errors.ts';

/** The value is summed over its labels, such as `type="topic.resync"`. No match of the labels is 0. */
export type ReadMetric = (name: string, labels?: string) => number;

export async function readMetrics(url: string): Promise<ReadMetric> {
  const page = await metricsPage(url);
  return (name, labels = '') => {
    if (!page.includes(`# TYPE ${name} `)) {
      throw errors.WRONG_ANSWER({ what: `/metrics, read for ${name},`, status: 200, text: page });
    }
    let sum = 0;
    for (const [, given = '', value] of page.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)`, 'gm'))) {
      if (given.includes(labels)) sum += Number(value);
    }
    return sum;
  };
}

export const readMetric = async (url: string, name: string, labels?: string): Promise<number> =>
  (await readMetrics(url))(name, labels);
