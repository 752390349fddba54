-- The row of the match in commentary_sequences is locked until the commit. So the entries of a match are committed, and reach the
-- followers, in the order of their sequence.
create function public.number_commentary() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  next_sequence integer;
begin
  if new.team_id is not null and not exists (
    select from public.matches where id = new.match_id and new.team_id in (home_team_id, away_team_id)
  ) then
    raise exception 'team % does not play in match %', new.team_id, new.match_id
      using errcode = 'check_violation', hint = 'Use home_team_id or away_team_id of the match.';
  end if;
  new.period := coalesce(new.period, case when new.minute <= 45 then 'first_half' else 'second_half' end);
  if tg_op = 'UPDATE' then
    return new;
  end if;
  insert into public.commentary_sequences as s (match_id, last) select id, 1 from public.matches where id = new.match_id
    on conflict (match_id) do update set last = s.last + 1 returning last into next_sequence;
  -- A match that does not exist has no sequence; the foreign key refuses the row.
  new.sequence := coalesce(next_sequence, 1);
  return new;
end $$;
create trigger number_added before insert on public.commentary for each row execute function public.number_commentary();
create trigger check_changed before update of match_id, team_id, period on public.commentary
  for each row execute function public.number_commentary();

-- The score is the number of goals. Several goals of one statement cost each match one update, and a correction of words none.
create function public.count_goals() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  change record;
begin
  for change in execute format(
    'select match_id, sum(n) filter (where team_id = home_team_id) as home, sum(n) filter (where team_id = away_team_id) as away
       from (%s) goals (match_id, team_id, n) join public.matches m on m.id = match_id
      group by match_id having coalesce(sum(n) filter (where team_id = home_team_id), 0) <> 0
                           or coalesce(sum(n) filter (where team_id = away_team_id), 0) <> 0 order by match_id',
    case tg_op when 'INSERT' then $q$select match_id, team_id, 1 from added where kind = 'goal'$q$
               when 'DELETE' then $q$select match_id, team_id, -1 from removed where kind = 'goal'$q$
               else $q$select match_id, team_id, 1 from added where kind = 'goal'
             union all select match_id, team_id, -1 from removed where kind = 'goal'$q$ end)
  loop
    update public.matches set home_score = home_score + coalesce(change.home, 0), away_score = away_score + coalesce(change.away, 0)
     where id = change.match_id;
  end loop;
  return null;
end $$;
create trigger goals_added after insert on public.commentary
  referencing new table as added for each statement execute function public.count_goals();
create trigger goals_changed after update on public.commentary
  referencing old table as removed new table as added for each statement execute function public.count_goals();
create trigger goals_removed after delete on public.commentary
  referencing old table as removed for each statement execute function public.count_goals();
revoke execute on function public.number_commentary(), public.count_goals() from public;
