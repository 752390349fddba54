/** Embeds by table, key, column and junction, and names that are no relationship. */
import { group, type PostgrestCase } from '../case.ts';

const many = group('G03');
const named = group('G06');
const spread = group('G08');
const candidates = group('G40');
const partitions = group('G54');
const views = group('G55');
const oneToOne = group('G56');
const unexposed = group('G57');
const elsewhere = group('G58');
const filters = group('G59');

const none = { status: 400, json: { code: 'PGRST200' } };
const bridge = { id: 1, name: 'bridge' };

export const relationshipCases: readonly PostgrestCase[] = [
  many('GET', '/clients?select=id,first_project(id)&order=id&limit=1', { json: [{ id: 1, first_project: { id: 1 } }] }),
  many('GET', '/clients?select=id,...first_project(project:id)&order=id&limit=1', { json: [{ id: 1, project: 1 }] }),

  named('GET', '/messages?select=id,sender(name)&id=eq.1', { json: [{ id: 1, sender: { name: 'Uma' } }] }),
  named('GET', '/messages?select=id,recipient(name)&id=eq.1', { json: [{ id: 1, recipient: { name: 'Vic' } }] }),
  named('GET', '/messages?select=id,from:users!messages_from(name)&id=eq.1', {
    json: [{ id: 1, from: { name: 'Uma' } }],
  }),
  named('GET', '/messages?select=id,users!messages_to(name)&id=eq.1', { json: [{ id: 1, users: { name: 'Vic' } }] }),
  named('GET', '/users?select=id,messages!sender(id)&id=eq.1', { json: [{ id: 1, messages: [{ id: 1 }] }] }),
  named('GET', '/users?select=id,got:messages!messages_to(id)&id=eq.1', { json: [{ id: 1, got: [{ id: 2 }] }] }),
  named('GET', '/projects?select=id,client_id(name)&id=eq.1', { json: [{ id: 1, client_id: { name: 'Ann' } }] }),
  named('GET', '/projects?select=id,projects_client_id_fkey(name)&id=eq.1', {
    json: [{ id: 1, projects_client_id_fkey: { name: 'Ann' } }],
  }),
  named('GET', '/clients?select=id,projects(id)&id=eq.2', { json: [{ id: 2, projects: [{ id: 3 }] }] }),
  named('GET', '/clients?select=id,projects_view(id)&id=eq.2', { json: [{ id: 2, projects_view: [{ id: 3 }] }] }),
  named('GET', '/users?select=id,tasks(name)&id=eq.2', { json: [{ id: 2, tasks: [{ name: 'dig' }] }] }),
  named('GET', '/users?select=id,tasks!users_tasks(name)&id=eq.2', { json: [{ id: 2, tasks: [{ name: 'dig' }] }] }),
  named('GET', '/users?select=id,tasks!users_tasks_view(name)&id=eq.2', {
    json: [{ id: 2, tasks: [{ name: 'dig' }] }],
  }),
  named('GET', '/tasks?select=id,users(name)&id=eq.3', { json: [{ id: 3, users: [{ name: 'Uma' }] }] }),
  named('GET', '/projects_view?select=id,name,clients(name)&id=eq.1', {
    json: [{ ...bridge, clients: { name: 'Ann' } }],
  }),

  spread('GET', '/projects?select=id,...clients()&order=id', { json: [1, 2, 3, 4].map((id) => ({ id })) }),
  spread('GET', '/clients?select=id,...projects()&order=id', { json: [{ id: 1 }, { id: 2 }] }),

  candidates('GET', '/messages?select=id,users(name)', {
    status: 300,
    json: {
      code: 'PGRST201',
      message: "Could not embed because more than one relationship was found for 'messages' and 'users'",
      details: [
        {
          cardinality: 'many-to-one',
          embedding: 'messages with users',
          relationship: 'messages_from using messages(sender) and users(id)',
        },
        {
          cardinality: 'many-to-one',
          embedding: 'messages with users',
          relationship: 'messages_to using messages(recipient) and users(id)',
        },
      ],
      hint: "Try changing 'users' to one of the following: 'users!messages_from', 'users!messages_to'. Find the desired relationship in the 'details' key.",
    },
  }),
  candidates('GET', '/users?select=id,messages(id)', { status: 300, json: { code: 'PGRST201' } }),
  candidates('GET', '/clients?select=id,twice_named(id)', { status: 300, json: { code: 'PGRST201' } }),

  partitions('GET', '/cars_2020?select=name', { json: [{ name: 'Enzo' }] }),
  partitions('GET', '/cars?select=name,users(*)', none),

  views('GET', '/clients?select=id,twice_named!customer_id(id)&id=eq.2', {
    json: [{ id: 2, twice_named: [{ id: 3 }] }],
  }),
  views('GET', '/clients?select=id,twice_named!client_id(id)&id=eq.2', { json: [{ id: 2, twice_named: [{ id: 3 }] }] }),
  views('GET', '/twice_named?select=id,customer_id(name)&id=eq.3', { json: [{ id: 3, customer_id: { name: 'Ben' } }] }),

  oneToOne('GET', '/countries?select=name,capitals(name)&id=eq.1', {
    json: [{ name: 'Peru', capitals: { name: 'Lima' } }],
  }),
  oneToOne('GET', '/countries?select=name,capital:capitals!country_id(name)&id=eq.1', {
    json: [{ name: 'Peru', capital: { name: 'Lima' } }],
  }),
  oneToOne('GET', '/countries?select=name,capitals!capitals_country_id_fkey(name)&id=eq.1', {
    json: [{ name: 'Peru', capitals: { name: 'Lima' } }],
  }),

  unexposed('GET', '/clients?select=id,countries(*)', none),
  unexposed('GET', '/clients?select=id,capital_of(*)', none),
  unexposed('GET', '/secrets', { status: 404, json: { code: 'PGRST205' } }),

  elsewhere('GET', '/elsewhere', { status: 404, json: { code: 'PGRST205' } }),
  elsewhere('GET', '/rpc/out_of_reach', { status: 404, json: { code: 'PGRST202' } }),

  filters('GET', '/odd?select=id,users!user_id(name)&users=eq.some', { json: [{ id: 2, users: null }] }),
  filters('GET', '/odd?select=id,who:users!user_id(name)&users=eq.none', { json: [{ id: 1, who: null }] }),
];
