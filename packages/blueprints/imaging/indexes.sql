-- Each index has above it the query that it is for. A test runs these queries and looks for the index in their plans.

-- select * from imaging.projects where owner = 'user7' order by id
create index projects_owner on imaging.projects (owner, id);

-- select project_id from imaging.shares where member = 'user7'
create index shares_member on imaging.shares (member) include (project_id, role);

-- select * from imaging.images where project_id = 7 order by name limit 50
create index images_name on imaging.images (project_id, name, id);

-- select * from imaging.images where project_id = 7 and state in ('new', 'queued') order by id limit 50
create index images_open on imaging.images (project_id, id) where state in ('new', 'queued');

-- select * from imaging.segmentations where project_id = 7 and image_id = 700 order by id
create index segmentations_image on imaging.segmentations (project_id, image_id, id);

-- select label, count(*) from imaging.segmentations where project_id = 7 group by label
create index segmentations_label on imaging.segmentations (project_id, label);

-- select id, area from imaging.segmentations where project_id = 7 order by area desc limit 10
create index segmentations_area on imaging.segmentations (project_id, area desc) include (id);
