/** An image as the input tensor of a model. */
import { decoderBytes, greyPixels, rgbPixels } from '../images/grey.ts';
import type { ImageFacts } from '../images/image-facts.ts';
import type { FailedItem } from '../kinds/item-result.ts';
import { modelFailure, type TensorFacts } from '../models/model-metadata.ts';

/** Pixels of a side that the model leaves open. */
const MAX_OPEN_SIDE = 1_024;
/** All numbers of a tensor. */
const MAX_NUMBERS = 16 * 1024 ** 2;
/** A number as JSON: in a list, in a text and in a buffer. */
const NUMBER_BYTES = 32;

export interface InputTensor {
  shape: number[];
  width: number;
  height: number;
  channels: 1 | 3;
  /** All values of a channel together, instead of all channels of a pixel. */
  isPlanar: boolean;
}

export function inputTensor({ shape, datatype }: TensorFacts, facts: ImageFacts): InputTensor | FailedItem {
  if (shape.length !== 4) return modelFailure(`its input has ${shape.length} dimensions instead of 4`);
  if (datatype !== 'UINT8' && datatype !== 'FP32') return modelFailure(`its input has the type ${datatype}`);
  const [, second, third, last] = shape as [number, number, number, number];
  const isPlanar = last !== 3 && last !== 1;
  const channels = isPlanar ? second : last;
  if (channels !== 1 && channels !== 3) return modelFailure(`its input has the shape ${shape.join(' × ')}`);
  const [givenHeight, givenWidth] = isPlanar ? [third, last] : [second, third];
  const scale = Math.min(1, MAX_OPEN_SIDE / Math.max(facts.width, facts.height));
  const height = givenHeight > 0 ? givenHeight : Math.max(1, Math.round(facts.height * scale));
  const width = givenWidth > 0 ? givenWidth : Math.max(1, Math.round(facts.width * scale));
  if (width * height * channels > MAX_NUMBERS) return modelFailure(`its input has ${width} × ${height} pixels`);
  return {
    shape: isPlanar ? [1, channels, height, width] : [1, height, width, channels],
    width,
    height,
    channels,
    isPlanar,
  };
}

export const tensorBytes = (facts: ImageFacts, tensor: InputTensor): number =>
  decoderBytes(facts) + tensor.width * tensor.height * tensor.channels * NUMBER_BYTES;

/** Returns the body of an inference request. FP32 has values from 0 to 1. */
export async function inferenceBody(
  input: { bytes: Buffer; name: string; facts: ImageFacts },
  tensor: InputTensor,
  facts: TensorFacts,
  output: string,
): Promise<Buffer> {
  const { width, height, channels, isPlanar, shape } = tensor;
  const decoding = { ...input, input: input.bytes, background: '#ffffff', size: { width, height } };
  const { pixels } = await (channels === 1 ? greyPixels(decoding) : rgbPixels(decoding));
  const texts = Array.from({ length: 256 }, (_, value) =>
    facts.datatype === 'FP32' ? String(Math.round((value / 255) * 1e6) / 1e6) : String(value),
  );
  const count = width * height;
  const data: string[] = new Array(count * channels);
  for (let pixel = 0; pixel < count; pixel += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      const at = isPlanar ? channel * count + pixel : pixel * channels + channel;
      data[at] = texts[pixels[pixel * channels + channel]!]!;
    }
  }
  const head = { name: facts.name, shape, datatype: facts.datatype };
  const prefix = JSON.stringify({ inputs: [head], outputs: [{ name: output }] });
  return Buffer.from(prefix.replace('}],"outputs"', `,"data":[${data.join(',')}]}],"outputs"`));
}
