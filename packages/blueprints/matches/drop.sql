drop table public.commentary_sequences, public.commentary, public.matches, public.teams;
drop function public.number_commentary(), public.count_goals();
