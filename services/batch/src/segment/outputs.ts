import { errors } from '../errors.ts';
import { libvips } from '../images/sharp.ts';
import { cocoCounts } from './coco-rle.ts';
import type { Component, Components } from './components.ts';
import { polygonsOf } from './rings.ts';

export type SegmentOutput = 'geojson' | 'coco' | 'mask';

interface Segments extends Components {
  name: string;
  width: number;
  height: number;
}

interface SegmentFile {
  bytes: Buffer;
  contentType: string;
  extension: string;
}

/** The number of an object fits into 16 bits of the mask. */
export const MAX_OBJECTS = 10_000;

export async function segmentFiles(segments: Segments, outputs: readonly SegmentOutput[]): Promise<SegmentFile[]> {
  const files: SegmentFile[] = [];
  if (outputs.includes('geojson')) files.push(geojsonFile(segments));
  if (outputs.includes('coco')) files.push(cocoFile(segments));
  if (outputs.includes('mask')) files.push(await maskFile(segments));
  return files;
}

const boxOf = ({ left, top, right, bottom }: Component) => [left, top, right - left, bottom - top];

/** A feature for each object, in pixels from the upper left corner of the upright image. */
function geojsonFile(segments: Segments): SegmentFile {
  const { components, width, height, name } = segments;
  const polygons = polygonsOf(segments, width, height);
  if (!polygons) throw errors.SEGMENTS_TOO_COMPLEX({ name, part: 'polygons' });
  const features = components.map((component, n) => ({
    type: 'Feature',
    id: component.id,
    bbox: [component.left, component.top, component.right, component.bottom],
    properties: { class: component.class, area: component.area, box: boxOf(component) },
    geometry: { type: 'Polygon', coordinates: polygons[n] },
  }));
  const text = JSON.stringify({ type: 'FeatureCollection', features });
  return { bytes: Buffer.from(text), contentType: 'application/geo+json', extension: 'geojson' };
}

function cocoFile(segments: Segments): SegmentFile {
  const { components, width, height, name } = segments;
  const counts = cocoCounts(segments, width, height);
  if (!counts) throw errors.SEGMENTS_TOO_COMPLEX({ name, part: 'run lengths' });
  const annotations = components.map((component, n) => ({
    id: component.id,
    image_id: 1,
    category_id: component.class,
    area: component.area,
    bbox: boxOf(component),
    iscrowd: 0,
    segmentation: { size: [height, width], counts: counts[n] },
  }));
  const text = JSON.stringify({ images: [{ id: 1, file_name: name, width, height }], annotations });
  return { bytes: Buffer.from(text), contentType: 'application/json', extension: 'json' };
}

/** A 16-bit PNG with the number of the object at each pixel. */
async function maskFile({ labels, width, height }: Segments): Promise<SegmentFile> {
  const raw = { width, height, channels: 1 } as const;
  const image = libvips()(Uint16Array.from(labels), { raw, limitInputPixels: false }).toColourspace('grey16');
  return { bytes: await image.png().toBuffer(), contentType: 'image/png', extension: 'png' };
}
