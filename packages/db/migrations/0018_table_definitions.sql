-- Of each published table, the version of its definition as the relay last saw it, and a position in the WAL at or past every
-- change of it: at a position past that, the definition was this one. The roles have a row of their own, with an empty schema.
-- Services read it as themselves, never as the role of a caller, who may have no right to this schema.
create table tidemark.table_definitions (
  schema_name text not null,
  table_name text not null,
  version text not null,
  since pg_lsn not null,
  primary key (schema_name, table_name)
);
grant select, insert, update, delete on tidemark.table_definitions to tidemark_realtime;
