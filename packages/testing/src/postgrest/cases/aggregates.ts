/** Aggregates beside and inside of spreads. */
import { group, type PostgrestCase } from '../case.ts';

const spreads = group('G05');

const get = (path: string, json: unknown) => spreads('GET', path, { json });

export const aggregateCases: readonly PostgrestCase[] = [
  get('/tasks?select=...projects(name),count()&order=projects(name)', [
    { name: 'bridge', count: 2 },
    { name: 'canal', count: 1 },
    { name: 'dam', count: 1 },
  ]),
  get('/tasks?select=...projects(name),hours.sum()&order=projects(name).desc', [
    { name: 'dam', sum: 16 },
    { name: 'canal', sum: 8 },
    { name: 'bridge', sum: 6 },
  ]),
  get('/tasks?select=name,...projects(budget.sum())&order=name', [
    { name: 'dig', sum: 10 },
    { name: 'plan', sum: 30 },
    { name: 'pour', sum: 30 },
  ]),
  get('/tasks?select=...projects(budget.max())', [{ max: 30 }]),
  get('/tasks?select=...projects(largest:budget.max(),smallest:budget.min())', [{ largest: 30, smallest: 10 }]),
  get('/tasks?select=...projects(count())', [{ count: 4 }]),
  get('/tasks?select=...projects(projects:count()),all:count()', [{ projects: 4, all: 4 }]),
  get('/tasks?select=...projects(...clients(name)),hours.sum()&name=eq.plan', [{ name: 'Ann', sum: 10 }]),
  get('/tasks?select=...projects(...clients(clients:count()))', [{ clients: 4 }]),
  get('/tasks?select=...projects(...clients(id.max()))', [{ max: 2 }]),
  get('/tasks?select=...projects(client_id,budget.sum())&order=projects(client_id)', [
    { client_id: 1, sum: 40 },
    { client_id: 2, sum: 30 },
  ]),
  get('/projects?select=...clients(client:name),budget.sum()&order=clients(name).nullslast', [
    { client: 'Ann', sum: 30 },
    { client: 'Ben', sum: 30 },
    { client: null, sum: 40 },
  ]),
  get('/projects?select=...clients(client:name),budget.sum()::text&client_id=eq.1', [{ client: 'Ann', sum: '30' }]),
  get('/projects?select=...clients!inner(client:name),count()&clients.name=eq.Ben', [{ client: 'Ben', count: 1 }]),
  get('/projects?select=budget.sum(),clients(name)&client_id=eq.1', [{ sum: 30, clients: { name: 'Ann' } }]),
  get('/clients?select=name,projects(budget.sum())&order=name', [
    { name: 'Ann', projects: [{ sum: 30 }] },
    { name: 'Ben', projects: [{ sum: 30 }] },
  ]),
  get('/projects?select=count()', [{ count: 4 }]),
  get('/projects?select=client_id,count()&order=client_id.nullslast', [
    { client_id: 1, count: 2 },
    { client_id: 2, count: 1 },
    { client_id: null, count: 1 },
  ]),
  get('/rpc/get_items?high=4&select=id.sum(),count()', [{ sum: 10, count: 4 }]),
];
