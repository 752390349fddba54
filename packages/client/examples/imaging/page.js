import { claims, connect, element, rows, say, token } from '../session.js';

const SVG = 'http://www.w3.org/2000/svg';
const imaging = connect('imaging');
const [picker, thumbs, upload, picture, segment] = ['project', 'thumbs', 'upload', 'picture', 'segment'].map((id) =>
  document.getElementById(id),
);
let live;
let chosen;

/** Files need the token, which an img element does not send. */
async function address(path) {
  const answer = await fetch(path, { headers: { authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error((await answer.json()).message);
  return URL.createObjectURL(await answer.blob());
}

async function follow(project) {
  live?.close();
  thumbs.replaceChildren();
  const shown = new Set();
  live = imaging
    .from('images')
    .select('id,project_id,file_id,name,width,height,state')
    .eq('project_id', project)
    .live();
  live.onChange(async (images) => {
    for (const image of images) {
      if (shown.has(image.id)) continue;
      shown.add(image.id);
      const thumb = element('img', { alt: image.name });
      thumbs.append(element('button', { onclick: () => show(image), title: image.name }, thumb));
      thumb.src = await address(`/api/v1/files/${image.file_id}?width=128`);
    }
    if (!chosen && images[0]) await show(images[0]);
  });
}

async function show(image) {
  chosen = image;
  segment.disabled = false;
  document.getElementById('name').textContent = image.name;
  const whole = element('img', { alt: image.name, src: await address(`/api/v1/files/${image.file_id}`) });
  const outlines = document.createElementNS(SVG, 'svg');
  outlines.setAttribute('viewBox', `0 0 ${image.width} ${image.height}`);
  picture.replaceChildren(whole, outlines);
  const found = await rows(imaging.from('segmentations').select('polygon').eq('image_id', image.id).limit(1_000));
  for (const { polygon } of found) {
    const shape = document.createElementNS(SVG, 'polygon');
    shape.setAttribute('points', polygon.map((point) => point.join()).join(' '));
    outlines.append(shape);
  }
  say(`${found.length} outlines`);
}

segment.onclick = async () => {
  const image = chosen;
  const spec = { input: { files: [image.file_id] }, outputs: ['geojson'] };
  const { id } = await imaging.jobs.start({ kind: 'image.segment', spec });
  await imaging.jobs.finished(id, ({ state }) => say(`The job is ${state}`));
  const [item] = await imaging.jobs.items(id);
  if (item.error) throw new Error(item.error.message);
  const { features } = await (await imaging.files.download(item.files[0])).json();
  await rows(imaging.from('segmentations').delete().eq('image_id', image.id));
  const { project_id, id: image_id } = image;
  const outlines = features.map(({ geometry: { coordinates } }) => ({
    ...{ project_id, image_id, source: 'model', polygon: coordinates[0], area: 0 },
  }));
  await rows(imaging.from('segmentations').insert(outlines));
  await show(image);
};

upload.onsubmit = async (event) => {
  event.preventDefault();
  const [blob] = upload.querySelector('input').files;
  const { width, height } = await createImageBitmap(blob);
  const project_id = Number(picker.value);
  const name = `${Date.now().toString(36)}-${blob.name}`;
  const file = await imaging.files.upload(`${project_id}/${name}`, blob, { bucket: 'imaging' });
  await rows(imaging.from('images').insert({ project_id, file_id: file.id, name, width, height }));
  upload.reset();
  say(`${name} is uploaded`);
};

const projects = await rows(imaging.from('projects').select('id,name,owner').order('id'));
picker.append(
  ...projects.map(({ id, name, owner }) =>
    element('option', { value: id, textContent: owner === claims.sub ? name : `${name} (of ${owner})` }),
  ),
);
picker.onchange = () => {
  chosen = undefined;
  return follow(Number(picker.value));
};
if (projects[0]) await follow(projects[0].id);
else say('You have no project. Load the demo data: npx tidemark blueprint load imaging');
