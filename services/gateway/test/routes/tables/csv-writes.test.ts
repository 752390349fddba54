import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = `
  create domain settings as jsonb;
  create domain deep as settings;
  create table documents (id int primary key, plain json, data jsonb, more settings, deeper deep, tags text[], short varchar(3));
  grant select, insert on documents to authenticated;`;
const gateway = await useGateway(t, { script });
const claims = { role: 'authenticated' };

async function post(body: string, type = 'text/csv', search = '') {
  const answer = await gateway.request(`/rest/v1/documents${search}`, {
    method: 'POST',
    claims,
    body,
    headers: { 'content-type': type },
  });
  return { status: answer.status, body: answer.status < 300 ? null : JSON.parse(await answer.text()) };
}

t.test('JSON columns of CSV and forms hold the JSON of the text', async (t) => {
  const csv =
    'id,plain,data,more,deeper,tags\n1,"{""a"": [1.10, 2]}","{""b"":1}",[3],[4],"{x,y}"\n2,"""text""",NULL,null,NULL,{}\n';
  t.equal((await post(csv)).status, 201);
  t.equal((await post('id=3&data={"c":true}&plain=7', 'application/x-www-form-urlencoded')).status, 201);
  t.equal((await post('id,data\n4,"{""d"":1}"', 'text/csv', '?columns=id,data')).status, 201, 'one row');
  t.same(await gateway.sql`select id, plain::text, data, more, deeper, tags from documents order by id`, [
    { id: 1, plain: '{"a": [1.10, 2]}', data: { b: 1 }, more: [3], deeper: [4], tags: ['x', 'y'] },
    { id: 2, plain: '"text"', data: null, more: null, deeper: null, tags: [] },
    { id: 3, plain: '7', data: { c: true }, more: null, deeper: null, tags: null },
    { id: 4, plain: null, data: { d: 1 }, more: null, deeper: null, tags: null },
  ]);
});

t.test('texts that are no JSON, and values that are too long, are refused', async (t) => {
  t.equal((await post('id,data\n9,{x')).body.code, '22P02');
  t.equal((await post('id,short\n9,abcd')).body.code, '22001');
});

t.test('a byte order mark is no part of the first name', async (t) => {
  t.equal((await post('\ufeffid,short\n20,a')).status, 201);
  t.equal((await post('\ufeff"id",short\n21,a')).status, 201);
});

t.test('a header alone must name columns, too', async (t) => {
  t.equal((await post('id,nonsense')).body.code, 'PGRST204');
  t.equal((await post('id,short\n')).status, 201);
  t.equal((await post('id,short,id\n30,a,31')).body.code, 'PGRST102', 'a column twice');
});
