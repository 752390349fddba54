/** The output tensor of a model as a class for each pixel of the image. */

import type { FailedItem } from '../kinds/item-result.ts';
import { modelFailure } from '../models/model-metadata.ts';
import type { ClassMap } from './components.ts';

const INTEGERS = new Set(['UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'INT32', 'INT64', 'BOOL']);
const FLOATS = new Set(['FP16', 'FP32', 'FP64']);
const MAX_CLASS = 255;

interface OutputTensor {
  name?: unknown;
  datatype?: unknown;
  shape?: unknown;
  data?: unknown;
}

export interface MaskOptions {
  /** Name of the output. */
  output: string;
  /** The least score of a pixel that belongs to the only class. */
  minScore: number;
  width: number;
  height: number;
}

/** The mask has the size of the image: each pixel takes the class of the nearest one of the answer. */
export function classesOfAnswer(body: Buffer, options: MaskOptions): ClassMap | FailedItem {
  const tensor = tensorOf(body, options.output);
  if ('failure' in tensor) return tensor;
  const { shape, data, isInteger } = tensor;
  const planes = shape.length === 4 ? shape[1]! : 1;
  const [height, width] = shape.slice(-2) as [number, number];
  if (isInteger && planes !== 1) return modelFailure(`its output has ${planes} classes of whole numbers`);
  const small = new Uint8Array(width * height);
  for (let pixel = 0; pixel < small.length; pixel += 1) {
    const value = isInteger ? Number(data[pixel]) : classOf(data as number[], pixel, small.length, planes, options);
    if (!(value >= 0 && value <= MAX_CLASS)) return modelFailure(`its output has the class ${value}`);
    small[pixel] = value;
  }
  return { classes: scaled(small, width, height, options), width: options.width, height: options.height };
}

/** One score is compared with the least one; of several classes the best counts, and the first is the background. */
function classOf(
  data: readonly number[],
  pixel: number,
  count: number,
  planes: number,
  { minScore }: MaskOptions,
): number {
  if (planes === 1) return Number(data[pixel]! >= minScore);
  let best = 0;
  for (let plane = 1; plane < planes; plane += 1) {
    if (data[plane * count + pixel]! > data[best * count + pixel]!) best = plane;
  }
  return best;
}

function tensorOf(
  body: Buffer,
  name: string,
): { shape: number[]; data: readonly (number | boolean)[]; isInteger: boolean } | FailedItem {
  let outputs: unknown;
  try {
    outputs = (JSON.parse(body.toString()) as { outputs?: unknown } | null)?.outputs;
  } catch {
    return modelFailure('its answer is no JSON');
  }
  const tensor = (Array.isArray(outputs) ? outputs : []).find((output: OutputTensor | null) => output?.name === name);
  if (!tensor) return modelFailure(`its answer has no output "${name}"`);
  const { datatype, shape, data } = tensor as OutputTensor;
  const isInteger = INTEGERS.has(String(datatype));
  if (!isInteger && !FLOATS.has(String(datatype))) return modelFailure(`its output has the type ${String(datatype)}`);
  const isShape =
    Array.isArray(shape) && shape.length >= 2 && shape.length <= 4 && shape.every((n) => Number.isInteger(n) && n > 0);
  if (!isShape || (shape.length > 2 && shape[0] !== 1)) return modelFailure('its output has no shape of one image');
  const count = (shape as number[]).reduce((product, side) => product * side, 1);
  // Tensors may be nested arrays.
  const flat = Array.isArray(data) ? (data.flat(3) as unknown[]) : [];
  if (flat.length !== count) return modelFailure(`its output has ${flat.length} numbers instead of ${count}`);
  if (!flat.every((value) => typeof value === 'boolean' || Number.isFinite(value))) {
    return modelFailure('its output has values that are no numbers');
  }
  return { shape: shape as number[], data: flat as (number | boolean)[], isInteger };
}

function scaled(small: Uint8Array, fromWidth: number, fromHeight: number, { width, height }: MaskOptions): Uint8Array {
  if (fromWidth === width && fromHeight === height) return small;
  const classes = new Uint8Array(width * height);
  const columns = Int32Array.from({ length: width }, (_, x) => Math.floor(((x + 0.5) * fromWidth) / width));
  for (let y = 0; y < height; y += 1) {
    const row = Math.floor(((y + 0.5) * fromHeight) / height) * fromWidth;
    for (let x = 0; x < width; x += 1) classes[y * width + x] = small[row + columns[x]!]!;
  }
  return classes;
}
