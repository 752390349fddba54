import { connect, element, rows, say } from '../session.js';

const SVG = 'http://www.w3.org/2000/svg';
const [WEST, EAST, SOUTH, NORTH] = [13.05, 13.75, 52.25, 52.75];
const SHOWN = 14;
const fleet = connect('fleet');
const map = document.getElementById('map');
const list = document.getElementById('vehicles');
const dots = new Map();
const lines = new Map();

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

for (let n = 1; n < 8; n += 1) {
  map.append(shape('path', { class: 'road', d: `M${n * 100} 0V520` }));
  if (n < 6) map.append(shape('path', { class: 'road', d: `M0 ${n * 87}H800` }));
}

const place = ({ latitude, longitude }) => ({
  cx: ((longitude - WEST) / (EAST - WEST)) * 800,
  cy: ((NORTH - latitude) / (NORTH - SOUTH)) * 520,
});
/** Standing is grey, slow is blue, and fast is red. */
const colour = (speed) => (speed === 0 ? '#8aa2aa' : `hsl(${Math.max(0, 210 - speed * 1.7)} 75% 48%)`);

function draw(position) {
  const { vehicle_id: id, speed_kmh: speed } = position;
  if (!dots.has(id)) {
    dots.set(id, map.appendChild(shape('circle', { r: 6 })));
    dots.get(id).append(shape('title', {}));
  }
  const dot = dots.get(id);
  for (const [key, value] of Object.entries({ ...place(position), fill: colour(speed) })) dot.setAttribute(key, value);
  const text = `${plates.get(id) ?? `Vehicle ${id}`}: ${Math.round(speed)} km/h`;
  dot.firstChild.textContent = text;
  // The list has the vehicles that moved last.
  lines.get(id)?.remove();
  lines.set(id, element('li', { textContent: text }));
  list.prepend(lines.get(id));
  while (list.children.length > SHOWN) list.lastChild.remove();
}

const plates = new Map(
  (await rows(fleet.from('vehicles').select('id,plate').order('id').limit(1_000))).map(({ id, plate }) => [id, plate]),
);
const positions = fleet.from('positions').select('vehicle_id,latitude,longitude,speed_kmh').live({ mode: 'latest' });
let updates = 0;
positions.onChange((all, events) => {
  const changed = events.flatMap((event) =>
    event.type === 'snapshot' ? event.rows : 'row' in event ? [event.row] : [],
  );
  updates += changed.length;
  for (const position of changed.length > 0 ? changed : all) draw(position);
  say(`${all.length} vehicles, ${updates} positions so far`);
});
positions.onStatus((status, error) => {
  if (error) say(`${status}: ${error.message}`);
});
