-- Live: whole old rows, so that an update can enter or leave a filter, and a policy can be checked for deleted rows.
alter table public.matches replica identity full;
alter table public.commentary replica identity full;
alter publication tidemark add table public.teams, public.matches, public.commentary;
