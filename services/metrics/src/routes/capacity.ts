import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';
import { capacityOf } from '../health/capacity.ts';
import { fitScalability, type Load } from '../health/scalability.ts';

const WINDOW_S = 3_600;
const BIN_S = 10;

export const capacityRoute = fp(
  async (app: BaseApp, { monitor, collectors, history }: RouteContext) => {
    app.get('/capacity', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, instances } = monitor.health();
      const pools = instances.flatMap(({ service, instance, pools = [] }) =>
        pools.map(({ name, max }) => ({
          name: `pool ${name} of ${service}/${instance}`,
          label: `${service}/${instance}/${name}`,
          max,
        })),
      );
      const models = pools.map(({ name, label, max }) => ({ name, ...fitScalability(loadsOf(label, max)) }));
      return { at, resources: capacityOf(instances, collectors.values()), models };
    });

    /** The time that connections were in use is the sum of the durations of what used them. */
    function loadsOf(label: string, max: number): Load[] {
      const used = `pool.utilisation@${label}`;
      const taken = `pool.acquired@${label}`;
      const { series } = history.read([used, taken], WINDOW_S);
      const concurrency = meansOf(series[used] ?? []);
      const perSecond = meansOf(series[taken] ?? []);
      return concurrency.flatMap((mean, index) => {
        const rate = perSecond[index];
        return mean === undefined || rate === undefined ? [] : { concurrency: mean * max, perSecond: rate };
      });
    }
  },
  { name: 'performance-capacity', dependencies: ['operators-only'] },
);

/** Means of ten seconds each; undefined where a second is missing. */
function meansOf(values: readonly (number | null)[]): (number | undefined)[] {
  const means: (number | undefined)[] = [];
  for (let from = 0; from + BIN_S <= values.length; from += BIN_S) {
    const bin = values.slice(from, from + BIN_S);
    means.push(
      bin.every((value) => value !== null) ? bin.reduce((sum, value) => sum + (value ?? 0), 0) / BIN_S : undefined,
    );
  }
  return means;
}
