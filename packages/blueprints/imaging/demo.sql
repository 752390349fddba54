-- Six projects of three users, some of them shared. The images are drawn and stored by the loader, which knows the file store.
-- The first user is the one of the token that `npm start` prints.
insert into imaging.projects (id, owner, name) values
  (1, 'demo-user', 'Cells under the microscope'), (2, 'demo-user', 'Seeds of spring'),
  (3, 'ada', 'Pebbles on the beach'), (4, 'ada', 'Coins'), (5, 'ben', 'Pollen'), (6, 'ben', 'Bubbles');
insert into imaging.shares (project_id, owner, member, role) values
  (1, 'demo-user', 'ada', 'editor'), (2, 'demo-user', 'dan', 'viewer'), (3, 'ada', 'demo-user', 'viewer'),
  (3, 'ada', 'ben', 'editor'), (5, 'ben', 'ada', 'viewer');
select setval(pg_get_serial_sequence('imaging.projects', 'id'), 6);
