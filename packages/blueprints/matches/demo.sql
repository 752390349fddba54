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
  select m.id as match_id, m.status, h.name as home, a.name as away,
         case m.status when 'finished' then 90 else 20 + m.id end as until
    from public.matches m join public.teams h on h.id = m.home_team_id join public.teams a on a.id = m.away_team_id
   where m.status <> 'scheduled'
), moments as (
  select b.*, minute, (minute * 7 + b.match_id * 13) % 11 as dice, case when (minute + b.match_id) % 2 = 0 then b.home else b.away end as team
    from begun b, generate_series(0, 90, 3) as minute where minute <= b.until
)
insert into public.commentary (match_id, minute, kind, message, author)
select match_id, minute,
       case when minute = 0 then 'kick_off' when minute = 45 then 'half_time' when minute = 90 then 'full_time'
            when dice = 3 then 'goal' when dice = 7 then 'card' else 'comment' end,
       case when minute = 0 then home || ' against ' || away || ': we are under way.'
            when minute = 45 then 'The referee blows for half time.'
            when minute = 90 then 'Full time. What an afternoon.'
            when dice = 3 then 'GOAL! ' || team || ' find the net from close range.'
            when dice = 7 then 'A yellow card for ' || team || ' after a late challenge.'
            when dice < 4 then team || ' keep the ball in midfield, looking for an opening.'
            when dice < 7 then 'A corner for ' || team || ', cleared at the near post.'
            else team || ' try from distance: just wide.' end,
       null
  from moments order by match_id, minute;

update public.matches m set
  home_score = (select count(*) from public.commentary c where c.match_id = m.id and c.kind = 'goal' and (c.minute + m.id) % 2 = 0),
  away_score = (select count(*) from public.commentary c where c.match_id = m.id and c.kind = 'goal' and (c.minute + m.id) % 2 = 1);
