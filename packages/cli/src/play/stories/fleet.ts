/** Dashboards, live positions, papers and the audit log of the organizations that run vehicles. */
import type { Claim } from '../claim.ts';
import type { Stage } from '../stage.ts';
import { playDashboards } from './fleet-dashboards.ts';
import { playOffice } from './fleet-office.ts';
import { playPositions } from './fleet-positions.ts';
import { playTenants } from './fleet-tenants.ts';

export async function playFleet(stage: Stage): Promise<Claim[]> {
  const claims: Claim[] = [];
  for (const part of [playDashboards, playPositions, playOffice, playTenants]) claims.push(...(await part(stage)));
  return claims;
}
