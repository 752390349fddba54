/** Every kind of attacker; new ones are added here. */
import type { Attacker } from './attacker.ts';
import { badTokens } from './bad-tokens.ts';
import { halfUploads } from './half-uploads.ts';
import { hugeAnswers } from './huge-answers.ts';
import { hugeFrames } from './huge-frames.ts';
import { jobFloods } from './job-floods.ts';
import { metricsFloods } from './metrics-floods.ts';
import { newStatements } from './new-statements.ts';
import { oddUpgrades } from './odd-upgrades.ts';
import { oversizeRows } from './oversize-rows.ts';
import { regexSubscriptions } from './regex-subscriptions.ts';
import { slowReaders } from './slow-readers.ts';

export const attackers: readonly Attacker[] = [
  badTokens,
  halfUploads,
  hugeAnswers,
  hugeFrames,
  jobFloods,
  metricsFloods,
  newStatements,
  oddUpgrades,
  oversizeRows,
  regexSubscriptions,
  slowReaders,
];
