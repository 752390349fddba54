import t from 'tap';
import { relationOf } from '../../../src/collectors/statements/texts.ts';

t.test('names the relation that a statement reads or writes first', async (t) => {
  const cases: [text: string, relation: string | null][] = [
    ['select * from notes where id = $1', 'notes'],
    ['select * from only public."Odd name" join b on true', 'public."Odd name"'],
    ['insert into "tidemark".jobs (a) values ($1)', '"tidemark".jobs'],
    ['update t set a = $1', 't'],
    ['with source as (select * from source2), b as (select 1) select * from source, "public"."notes"', 'source2'],
    ['with body as (select $1) insert into "public"."notes" select * from body', '"public"."notes"'],
    ['select $1', null],
  ];
  for (const [text, relation] of cases) t.equal(relationOf(text), relation, text);
});
