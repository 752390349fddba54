import t from 'tap';
import { indexesOf, redundantIndexes, unchosenIndexes } from '../indexes.ts';
import { migrated } from '../migrated.ts';

const { db } = await migrated(t, 'matches');

/**
 * The planner chooses an index only where the table is large enough, and where another one would clearly cost more: many teams, and one
 * match with a long commentary.
 */
const SEASONS = [
  `insert into public.teams (name, city) select 'Team ' || n, 'City ' || n from generate_series(1, 192) n`,
  `insert into public.matches (home_team_id, away_team_id, starts_at, status)
     select 1 + n * 7 % 200, 1 + (n * 7 + 1 + n % 150) % 200, now() - n * interval '3 hours', 'finished' from generate_series(1, 6000) n`,
  `insert into public.commentary (match_id, minute, kind, actor, team_id, message, metadata, tags, author)
     select m.id, c.minute, c.kind, c.actor || m.id % 50, case when c.team_id is not null then m.home_team_id end, c.message, c.metadata, c.tags, 'user' || m.id % 97
       from public.matches m, public.commentary c where m.id between 29 and 1500 and c.match_id = 1`,
  `insert into public.commentary (match_id, minute, message, author)
     select 3, n % 90, 'More of it', 'user' || n % 97 from generate_series(1, 600) n`,
  'analyze',
];

t.test('the planner chooses each index of matches for its query, and none is redundant', async (t) => {
  const indexes = await indexesOf('matches');
  t.ok(indexes.length >= 14, `${indexes.length} indexes`);
  for (const statement of SEASONS) await db.pools.write.query(statement);
  t.same(await unchosenIndexes(db, 'public', indexes), []);
  t.same(await redundantIndexes(db, 'public'), []);
});
