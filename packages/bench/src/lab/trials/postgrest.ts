/** The share of PostgREST's specifications that pass: the groups of requests that once differed. */
import { withClient } from '@tidemark/local-stack';
import {
  nameOf,
  type Played,
  POSTGREST_CASES,
  POSTGREST_ENV,
  POSTGREST_SQL,
  PRE_REQUEST_ENV,
  passedPercent,
  playCases,
} from '@tidemark/testing/postgrest';
import { signToken } from '../../processes/services.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atLeast, type Finding, type Trial } from '../trial.ts';

const LEAST_PERCENT = 96;

export const postgrest: Trial = {
  name: 'postgrest',
  claim: `at least ${LEAST_PERCENT} % of the requests of PostgREST's specifications that once differed get PostgREST's answer`,
  async run(context): Promise<Finding[]> {
    const servers = await context.database();
    await withClient(servers.primaryUrl, (sql) => sql.unsafe(POSTGREST_SQL));
    const gateway = await startGateway(context, servers, POSTGREST_ENV);
    const before = await startGateway(context, servers, PRE_REQUEST_ENV);
    const gateways = {
      url: gateway.url,
      preRequestUrl: before.url,
      token: (claims: object) => signToken({ ...claims }),
    };
    const played = await playCases(gateways, POSTGREST_CASES);
    for (const { of, differences } of played) {
      if (differences.length > 0) context.log(`${nameOf(of)}\n  ${differences.join('\n  ')}`);
    }
    context.log(byGroup(played).join(', '));
    return [
      atLeast(`of ${played.length} requests`, LEAST_PERCENT, passedPercent(played), ' %'),
      await stillRuns(gateway),
    ];
  },
};

function byGroup(played: readonly Played[]): string[] {
  const groups = new Map<string, Played[]>();
  for (const one of played) groups.set(one.of.group, [...(groups.get(one.of.group) ?? []), one]);
  return [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, of]) => {
      const passed = of.filter(({ differences }) => differences.length === 0).length;
      return `${group} ${passed}/${of.length}`;
    });
}
