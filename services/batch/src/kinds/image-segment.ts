/** Finds objects: pixels above a threshold that are connected, or those that a model server classifies. */
import { FileInputs } from '@tidemark/contracts';
import { type Static, Type } from 'typebox';
import type { ImageFacts } from '../images/image-facts.ts';
import { probe } from '../images/probe.ts';
import type { ModelMetadata } from '../models/model-metadata.ts';
import { type InputTensor, inferenceBody, inputTensor, tensorBytes } from '../segment/model-image.ts';
import { classesOfAnswer } from '../segment/model-mask.ts';
import { MAX_OBJECTS } from '../segment/outputs.ts';
import { resultOfMap, segmentBytes, thresholdImage } from '../segment/segment-image.ts';
import { fileSource } from './file-source.ts';
import type { FailedItem } from './item-result.ts';
import { defineKind, type FileInput, type Item, type ItemContext, type ItemResult } from './job-kind.ts';

const ImageSegmentSpec = Type.Object(
  {
    input: FileInputs,
    threshold: Type.Optional(
      Type.Union([Type.Literal('otsu'), Type.Integer({ minimum: 0, maximum: 254 })], {
        default: 'otsu',
        description: 'pixels that are brighter are light; otsu chooses the level that separates an image best',
      }),
    ),
    foreground: Type.Optional(
      Type.Enum(['light', 'dark'], { default: 'light', description: 'pixels that are objects' }),
    ),
    model: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$',
        description: 'a model of the server at SEGMENT_MODEL_URL, instead of a threshold',
      }),
    ),
    minScore: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        default: 0.5,
        description: 'least value of a pixel, if the model has one class',
      }),
    ),
    minArea: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        default: 16,
        description: 'pixels; smaller objects are left out',
      }),
    ),
    maxObjects: Type.Optional(
      Type.Integer({ minimum: 1, maximum: MAX_OBJECTS, default: 1_000, description: 'the largest are kept' }),
    ),
    outputs: Type.Optional(
      Type.Array(Type.Enum(['geojson', 'coco', 'mask']), {
        minItems: 1,
        maxItems: 3,
        uniqueItems: true,
        description: 'files for each image; default: all three',
      }),
    ),
  },
  {
    additionalProperties: false,
    not: { required: ['model'], anyOf: [{ required: ['threshold'] }, { required: ['foreground'] }] },
  },
);
type ImageSegmentSpec = Static<typeof ImageSegmentSpec>;
type Context = ItemContext<ImageSegmentSpec>;
type SegmentItem = Item<FileInput>;

/** All models are on one server, so they share its places. */
const MODEL_TARGET = 'model server';
/** A mask as JSON numbers, parsed. */
const ANSWER_FACTOR = 12;

export default defineKind({
  name: 'image.segment',
  version: 1,
  spec: ImageSegmentSpec,
  item: { input: 'file', keepsSuccesses: true },
  limits: { itemMs: 300_000 },
  runsOn: 'main',
  usesModels: true,
  target: (_input: FileInput, { spec }) => (spec.model === undefined ? null : MODEL_TARGET),
  async source(context, cursor, limit) {
    if (context.spec.model !== undefined) context.models.check();
    return fileSource(context, cursor, limit);
  },
  cost: () => 0,
  async run(_item, context): Promise<ItemResult> {
    const { model } = context.spec;
    if (model === undefined) return (await context.step!('threshold')) as ItemResult;
    const metadata = await context.models!.metadata(model, context.signal);
    if ('failure' in metadata) return metadata;
    const prepared = (await context.step!('prepare', metadata)) as Prepared | FailedItem;
    if ('failure' in prepared) return prepared;
    const answer = await context.models!.infer(model, prepared.body, context.signal);
    if ('failure' in answer) return answer;
    const { width, height } = prepared;
    const given: Finishing = { answer, output: metadata.output.name, width, height };
    return (await context.step!('finish', given)) as ItemResult;
  },
  steps: {
    threshold: {
      cost: async (item: SegmentItem, context: Context) => segmentBytes(await factsOf(item, context)),
      run: threshold,
    },
    prepare: {
      async cost(item: SegmentItem, context: Context, given: unknown) {
        const facts = await factsOf(item, context);
        const tensor = inputTensor((given as ModelMetadata).input, facts);
        return 'failure' in tensor ? 0 : tensorBytes(facts, tensor);
      },
      run: prepare,
    },
    finish: {
      cost: (_item: SegmentItem, _context: Context, given: unknown) => finishBytes(given as Finishing),
      run: finish,
    },
  },
});

async function factsOf({ name }: SegmentItem, context: Context): Promise<ImageFacts> {
  return probe(await context.read(), name, context.limits.pixels);
}

function optionsOf({ minArea = 16, maxObjects = 1_000, outputs = ['geojson', 'coco', 'mask'] }: ImageSegmentSpec) {
  return { minArea, maxObjects, outputs };
}

async function threshold(item: SegmentItem, context: Context): Promise<ItemResult> {
  const { threshold: level = 'otsu', foreground = 'light' } = context.spec;
  const input = { bytes: await context.read(), name: item.name, facts: await factsOf(item, context) };
  const found = await thresholdImage(input, { threshold: level, foreground });
  const result = await resultOfMap(found.map, item.name, optionsOf(context.spec));
  return { ...result, value: { ...(result.value as object), threshold: found.level } };
}

interface Prepared {
  body: Uint8Array;
  width: number;
  height: number;
}

async function prepare(item: SegmentItem, context: Context, given: unknown): Promise<Prepared | FailedItem> {
  const { input, output } = given as ModelMetadata;
  const facts = await factsOf(item, context);
  const tensor: InputTensor | FailedItem = inputTensor(input, facts);
  if ('failure' in tensor) return tensor;
  const image = { bytes: await context.read(), name: item.name, facts };
  const body = await inferenceBody(image, tensor, input, output.name);
  return { body, width: facts.width, height: facts.height };
}

interface Finishing {
  answer: Buffer;
  output: string;
  width: number;
  height: number;
}

const finishBytes = ({ answer, width, height }: Finishing) =>
  answer.length * ANSWER_FACTOR + width * height * ANSWER_FACTOR;

async function finish(item: SegmentItem, context: Context, given: unknown): Promise<ItemResult> {
  const { answer, output, width, height } = given as Finishing;
  const { minScore = 0.5 } = context.spec;
  const map = classesOfAnswer(answer, { output, minScore, width, height });
  return 'failure' in map ? map : resultOfMap(map, item.name, optionsOf(context.spec));
}
