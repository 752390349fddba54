import t from 'tap';
import { indexesOf, redundantIndexes, unchosenIndexes } from '../indexes.ts';
import { migrated } from '../migrated.ts';

const { db } = await migrated(t, 'matches');

/** Ten seasons: the planner chooses an index only where the table is large enough. */
const SEASONS = `
insert into public.matches (home_team_id, away_team_id, starts_at, status)
  select home_team_id, away_team_id, starts_at - season * interval '300 days', 'finished'
    from public.matches, generate_series(1, 60) season;
insert into public.commentary (match_id, minute, kind, actor, team_id, message, metadata, tags, author)
  select m.id, c.minute, c.kind, c.actor || m.id % 50, case when c.team_id is not null then m.home_team_id end, c.message, c.metadata, c.tags, 'user' || m.id % 97
    from public.matches m, public.commentary c where m.id > 28 and c.match_id = 1`;

t.test('the planner chooses each index of matches for its query, and none is redundant', async (t) => {
  const indexes = await indexesOf('matches');
  t.ok(indexes.length >= 14, `${indexes.length} indexes`);
  await db.pools.write.query(SEASONS.split(';')[0] as string);
  await db.pools.write.query(SEASONS.split(';')[1] as string);
  await db.pools.write.query('analyze');
  t.same(await unchosenIndexes(db, 'public', indexes), []);
  t.same(await redundantIndexes(db, 'public'), []);
});
