/** PostgREST's specifications, where Tidemark once differed: each case is a request with the answer that PostgREST gives. */
import {
  nameOf,
  POSTGREST_CASES,
  POSTGREST_ENV,
  POSTGREST_SQL,
  PRE_REQUEST_ENV,
  playCases,
} from '@tidemark/testing/postgrest';
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

const gateway = await useGateway(t, { script: POSTGREST_SQL, env: { ...POSTGREST_ENV, JWT_CLOCK_SKEW_S: '30' } });
const preRequestUrl = await gateway.another(PRE_REQUEST_ENV);
const { url, token } = gateway;

for (const { of, differences } of await playCases({ url, preRequestUrl, token }, POSTGREST_CASES)) {
  t.same(differences, [], nameOf(of));
}
