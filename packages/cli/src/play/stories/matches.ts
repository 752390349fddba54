/** Ten matches, their viewers and their commentators. */
import { type Claim, holds, speed } from '../claim.ts';
import { ms, seconds, Times } from '../figures.ts';
import { Load } from '../load.ts';
import { rowsOf, type Stage } from '../stage.ts';
import { together, within } from '../together.ts';
import { Viewer } from './viewer.ts';

const MATCHES = 10;
const POSTS = 8;
const WRITE_P95_MS = 100;
const ARRIVE_MS = 1_000;
/** On a slow machine, the last entries take this long at most to reach every viewer. */
const PATIENCE_MS = 60_000;

interface Match {
  id: number;
  home_team_id: number;
  away_team_id: number;
}

export async function playMatches(stage: Stage): Promise<Claim[]> {
  const service = await stage.client('service', { role: 'service_role' });
  const teams = await rowsOf<{ id: number }>(service.from('teams').select('id').order('id').limit(20));
  const fixtures = Array.from({ length: MATCHES }, (_, n) => ({
    home_team_id: teams[n % teams.length]?.id,
    away_team_id: teams[(n + 1) % teams.length]?.id,
    starts_at: new Date().toISOString(),
    status: 'live',
  }));
  const matches = await rowsOf<Match>(service.from('matches').insert(fixtures).select());
  try {
    return await perform(stage, matches);
  } finally {
    // The commentary goes with the matches.
    await rowsOf(
      service
        .from('matches')
        .delete()
        .in(
          'id',
          matches.map(({ id }) => id),
        ),
    );
  }
}

async function perform(stage: Stage, matches: readonly Match[]): Promise<Claim[]> {
  const matchOf = (n: number) => matches[n % matches.length] as Match;
  const count = stage.size(1_000, 20);
  const viewers: Viewer[] = [];
  for (let n = 0; n < count; n += 1) viewers.push(await Viewer.at(stage, `viewer-${n}`, matchOf(n).id));
  stage.say(`${count} viewers come to ${matches.length} matches in one second`);
  const arrival = new Times();
  const began = performance.now();
  let present = 0;
  await together(viewers, count, async (viewer, n) => {
    await new Promise((resolve) => setTimeout(resolve, (n / count) * ARRIVE_MS));
    await arrival.of(() => viewer.arrive());
    present += 1;
    stage.draw('viewers are there', present, count);
  });
  const arrivedMs = performance.now() - began;

  const writers = stage.size(110, 11);
  stage.say(
    `${writers} commentators write ${POSTS} entries each, all at once; every tenth viewer loses the connection`,
  );
  const writing = new Times();
  const load = new Load();
  const writingFrom = performance.now();
  const posts = writers * POSTS;
  const written = new Map<number, number>();
  const refused: string[] = [];
  let done = 0;
  let cut = 0;
  await Promise.all(
    Array.from({ length: writers }, async (_, n) => {
      const match = matchOf(n);
      const commentator = await stage.client(`commentator-${stage.run}-${n}`, { isPatient: false });
      for (let post = 0; post < POSTS; post += 1) {
        const isGoal = post === POSTS - 1;
        const { error } = await writing.of(async () =>
          commentator.from('commentary').insert({
            match_id: match.id,
            minute: post * 11,
            kind: isGoal ? 'goal' : 'comment',
            team_id: n % 2 === 0 ? match.home_team_id : match.away_team_id,
            actor: `Player ${n}`,
            message: `Entry ${post} of commentator ${n}`,
            metadata: { sent_at: Date.now() },
            tags: isGoal ? ['goal'] : [],
          }),
        );
        if (error) refused.push(`${error.code} ${error.message}`);
        else written.set(match.id, (written.get(match.id) ?? 0) + 1);
        done += 1;
        stage.draw('entries', done, posts, () => `p95 ${ms(writing.p95)}`);
        if (cut === 0 && done >= posts / 2) for (const viewer of everyTenth(viewers)) cut += viewer.cut();
      }
    }),
  );

  const busy = load.describe();
  const has = (viewer: Viewer) => viewer.seen === (written.get(viewer.match) ?? 0);
  await within(PATIENCE_MS, () => {
    const ready = viewers.filter(has).length;
    stage.draw('viewers have seen every entry', ready, count);
    return ready === count;
  });
  const deliveredMs = performance.now() - writingFrom;
  const complete = viewers.filter((viewer) => has(viewer) && viewer.faults === 0);
  const dropped = everyTenth(viewers);
  const back = dropped.filter((viewer) => complete.includes(viewer));
  const delivery = new Times();
  for (const viewer of viewers) for (const delay of viewer.delays) delivery.add(delay);
  const deliveries = viewers.reduce((sum, { seen }) => sum + seen, 0);
  const wrong = await wrongScores(stage, matches);
  return [
    holds(
      'every post succeeds',
      refused.length === 0,
      `${posts - refused.length} of ${posts}${refused[0] ? `; ${refused[0]}` : ''}`,
    ),
    holds(
      'every viewer sees every entry in order, once',
      complete.length === count,
      `${complete.length} of ${count} viewers, ${deliveries} entries`,
    ),
    holds(
      'a viewer who drops comes back without a gap',
      cut > 0 && back.length === dropped.length,
      `${back.length} of ${dropped.length}: ${dropped.filter((viewer) => viewer.snapshots === 1).length} resumed, ${dropped.filter((viewer) => viewer.snapshots > 1).length} with a new snapshot`,
    ),
    holds('the scores are the goals', wrong === 0, `${matches.length - wrong} of ${matches.length} matches`),
    speed(
      `${count} viewers who arrive in one second are live within 2 s`,
      arrivedMs <= 2 * ARRIVE_MS,
      `all after ${seconds(arrivedMs)}, p95 ${ms(arrival.p95)}`,
    ),
    speed(
      `write p95 < ${WRITE_P95_MS} ms`,
      writing.p95 < WRITE_P95_MS,
      `${ms(writing.p95)} of ${writing.count} writes; ${busy}`,
    ),
    speed(
      `the viewers get ≥ ${stage.size(2_000, 40)} messages/s`,
      deliveries / (deliveredMs / 1_000) >= stage.size(2_000, 40),
      `${Math.round(deliveries / (deliveredMs / 1_000))} messages/s`,
    ),
    speed('an entry reaches the viewers within a second (p95)', delivery.p95 < 1_000, ms(delivery.p95)),
  ];
}

const everyTenth = (viewers: readonly Viewer[]) => viewers.filter((_, n) => n % 10 === 0);

async function wrongScores(stage: Stage, matches: readonly Match[]): Promise<number> {
  const service = await stage.client('service', { role: 'service_role' });
  const ids = matches.map(({ id }) => id);
  const scores = await rowsOf<Match & { home_score: number; away_score: number }>(
    service.from('matches').select().in('id', ids),
  );
  const goals = await rowsOf<{ match_id: number; team_id: number }>(
    service.from('commentary').select('match_id,team_id').eq('kind', 'goal').in('match_id', ids).limit(1_000),
  );
  const of = (match: number, team: number) => goals.filter((goal) => goal.match_id === match && goal.team_id === team);
  return scores.filter(
    ({ id, home_team_id, away_team_id, home_score, away_score }) =>
      home_score !== of(id, home_team_id).length || away_score !== of(id, away_team_id).length,
  ).length;
}
