/** The facts that the Open Inference Protocol has of a model: names, types and shapes of its tensors. */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { FailedItem } from '../kinds/item-result.ts';

export interface TensorFacts {
  name: string;
  datatype: string;
  /** -1: any number. */
  shape: number[];
}

export interface ModelMetadata {
  input: TensorFacts;
  output: TensorFacts;
}

const Tensor = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 256 }),
  datatype: Type.String({ maxLength: 16 }),
  shape: Type.Array(Type.Integer({ minimum: -1, maximum: 65_536 }), { minItems: 2, maxItems: 4 }),
});
const validator = Compile(
  Type.Object({
    inputs: Type.Array(Tensor, { minItems: 1, maxItems: 100 }),
    outputs: Type.Array(Tensor, { minItems: 1, maxItems: 100 }),
  }),
);

export function readMetadata(bytes: Buffer): ModelMetadata | FailedItem {
  let found: unknown;
  try {
    found = JSON.parse(bytes.toString());
  } catch {
    return modelFailure('its metadata is no JSON');
  }
  if (!validator.Check(found)) return modelFailure('its metadata does not name inputs and outputs with their shapes');
  return { input: found.inputs[0]!, output: found.outputs[0]! };
}

export function modelFailure(problem: string): FailedItem {
  return {
    failure: {
      code: 'MODEL_ANSWER',
      message: `the model cannot be used: ${problem}`,
      hint: 'The model takes an RGB or grey image as UINT8 or FP32, and returns classes or scores of its pixels: see KINDS.md.',
    },
  };
}
