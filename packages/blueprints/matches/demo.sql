-- Eight teams, a round of 28 matches, and commentary for those that have begun. The same at every run: no random numbers.
insert into public.teams (id, name, city) values
  (1, 'Harbour United', 'Port Astor'), (2, 'Northgate Rovers', 'Northgate'),
  (3, 'Riverside Athletic', 'Mill Ford'), (4, 'Castle Town', 'Castleton'),
  (5, 'Saltmarsh City', 'Saltmarsh'), (6, 'Ironbridge Wanderers', 'Ironbridge'),
  (7, 'Lighthouse FC', 'Cape Lorne'), (8, 'Valley Rangers', 'Green Valley');
select setval(pg_get_serial_sequence('public.teams', 'id'), 8);

insert into public.matches (id, home_team_id, away_team_id, starts_at, status)
select row_number() over (order by h.id, a.id), h.id, a.id,
       date_trunc('hour', now()) - interval '6 hours' + (row_number() over (order by h.id, a.id)) * interval '25 minutes',
       case when row_number() over (order by h.id, a.id) <= 10 then 'finished'
            when row_number() over (order by h.id, a.id) <= 14 then 'live' else 'scheduled' end
  from public.teams h join public.teams a on h.id < a.id;
select setval(pg_get_serial_sequence('public.matches', 'id'), (select max(id) from public.matches));

with begun as (
  select m.id as match_id, m.home_team_id, m.away_team_id, h.name as home, a.name as away,
         case m.status when 'finished' then 90 else 20 + m.id end as until
    from public.matches m join public.teams h on h.id = m.home_team_id join public.teams a on a.id = m.away_team_id
   where m.status <> 'scheduled'
), moments as (
  select b.*, minute, (minute * 7 + b.match_id * 13) % 11 as dice, (minute + b.match_id) % 2 = 0 as by_home,
         case when minute = 0 then 'kick_off' when minute = 45 then 'half_time' when minute = 90 then 'full_time' end as whistle,
         (array['Amaro', 'Bergström', 'Castell', 'Dietz', 'Ekwe', 'Fontaine', 'Grau', 'Halloran', 'Ito', 'Jurado', 'Kovač'])[1 + (minute * 5 + b.match_id * 3) % 11] as player
    from begun b, generate_series(0, 90, 3) as minute where minute <= b.until
), events as (
  select *, case when by_home then home else away end as team, case when by_home then home_team_id else away_team_id end as team_id,
         coalesce(whistle, case dice when 3 then 'goal' when 7 then 'card' when 9 then 'substitution' else 'comment' end) as kind
    from moments
)
insert into public.commentary (match_id, minute, sequence, period, kind, actor, team_id, message, metadata, tags, author)
select match_id, minute, row_number() over (partition by match_id order by minute),
       case when minute <= 45 then 'first_half' else 'second_half' end,
       kind, case when whistle is not null then 'the referee' else player end, case when whistle is null then team_id end,
       case kind when 'kick_off' then home || ' against ' || away || ': we are under way.'
                 when 'half_time' then 'The referee blows for half time.'
                 when 'full_time' then 'Full time. What an afternoon.'
                 when 'goal' then 'GOAL! ' || player || ' finds the net from close range for ' || team || '.'
                 when 'card' then 'A yellow card for ' || player || ' of ' || team || ' after a late challenge.'
                 when 'substitution' then player || ' comes on for ' || team || '.'
                 else case when dice < 4 then team || ' keep the ball in midfield, looking for an opening.'
                           when dice < 7 then 'A corner for ' || team || ', cleared at the near post.'
                           else player || ' tries from distance: just wide.' end end,
       case kind when 'goal' then jsonb_build_object('distance_m', 4 + minute % 20, 'foot', case when minute % 4 < 2 then 'left' else 'right' end)
                 when 'card' then '{"colour": "yellow"}' else '{}' end,
       case kind when 'goal' then array['goal', 'highlight'] when 'card' then array['discipline'] else '{}' end,
       null
  from events order by match_id, minute;

insert into public.commentary_sequences (match_id, last) select match_id, max(sequence) from public.commentary group by match_id;
update public.matches m set
  home_score = (select count(*) from public.commentary c where c.match_id = m.id and c.kind = 'goal' and c.team_id = m.home_team_id),
  away_score = (select count(*) from public.commentary c where c.match_id = m.id and c.kind = 'goal' and c.team_id = m.away_team_id);
