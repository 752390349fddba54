/** `tidemark blueprint play <name>`: the story of a blueprint, played through the services that run. */
import { blueprintNamed } from '@tidemark/blueprints';
import { type Claim, claimTable } from './claim.ts';
import { keepProgress, untilLoaded } from './progress-row.ts';
import { Stage, type StageOptions } from './stage.ts';
import { playCorpus } from './stories/corpus.ts';
import { playFleet } from './stories/fleet.ts';
import { playImaging } from './stories/imaging.ts';
import { playMatches } from './stories/matches.ts';
import { playSync } from './stories/sync.ts';

const STORIES: Readonly<Record<string, (stage: Stage) => Promise<Claim[]>>> = {
  matches: playMatches,
  fleet: playFleet,
  imaging: playImaging,
  sync: playSync,
  corpus: playCorpus,
};

export const blueprintNames: readonly string[] = Object.keys(STORIES);

/** @returns the claims, each with what was measured @throws BLUEPRINT_UNKNOWN, CLI_PLAY_FAILED */
export async function play(name: string, options: StageOptions): Promise<readonly Claim[]> {
  const { title } = blueprintNamed(name);
  const story = STORIES[name] as (typeof STORIES)[string];
  const stage = new Stage(options);
  try {
    await untilLoaded(stage);
    return await perform(stage, story, `${name}: ${title}`);
  } finally {
    stage.close();
  }
}

async function perform(stage: Stage, story: (typeof STORIES)[string], title: string): Promise<readonly Claim[]> {
  const progress = await keepProgress(stage, title);
  try {
    const claims = await story(stage);
    await progress.ended(claims.every(({ met }) => met !== false) ? 'succeeded' : 'failed', claims);
    for (const line of claimTable(claims)) stage.say(line);
    return claims;
  } catch (error) {
    await progress.ended('failed', []);
    throw error;
  }
}
