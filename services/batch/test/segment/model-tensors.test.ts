import sharp from 'sharp';
import t from 'tap';
import { probe } from '../../src/images/probe.ts';
import { readMetadata } from '../../src/models/model-metadata.ts';
import { type InputTensor, inferenceBody, inputTensor } from '../../src/segment/model-image.ts';
import { classesOfAnswer } from '../../src/segment/model-mask.ts';

/** Red and blue, side by side. */
const image = await sharp({ create: { width: 2, height: 1, channels: 3, background: 'red' } })
  .composite([{ input: { create: { width: 1, height: 1, channels: 3, background: 'blue' } }, left: 1, top: 0 }])
  .png()
  .toBuffer();
const facts = await probe(image, 'x', 1e8);

async function dataOf(datatype: string, shape: number[]) {
  const wanted = { name: 'in', datatype, shape };
  const tensor = inputTensor(wanted, facts) as InputTensor;
  const body = await inferenceBody({ bytes: image, name: 'x', facts }, tensor, wanted, 'out');
  const { inputs, outputs } = JSON.parse(body.toString());
  t.match([inputs[0].name, inputs[0].datatype, outputs], ['in', datatype, [{ name: 'out' }]]);
  return { shape: inputs[0].shape, data: inputs[0].data };
}

t.test('an image becomes a tensor of the layout, type and size that the model names', async (t) => {
  t.same(await dataOf('UINT8', [1, 3, -1, -1]), { shape: [1, 3, 1, 2], data: [255, 0, 0, 0, 0, 255] });
  t.same(await dataOf('UINT8', [-1, -1, -1, 3]), { shape: [1, 1, 2, 3], data: [255, 0, 0, 0, 0, 255] });
  t.same((await dataOf('FP32', [1, 3, 1, 2])).data, [1, 0, 0, 0, 0, 1]);
  t.same((await dataOf('UINT8', [1, 1, 2, 4])).shape, [1, 1, 2, 4], 'grey, in the size of the model');
  t.match(inputTensor({ name: 'in', datatype: 'BYTES', shape: [1, 3, -1, -1] }, facts), {
    failure: { message: /BYTES/ },
  });
  t.match(inputTensor({ name: 'in', datatype: 'FP32', shape: [1, 7, 5, 5] }, facts), {
    failure: { message: /1 × 7 × 5 × 5/ },
  });
});

const classes = (tensor: object, options = {}) =>
  classesOfAnswer(Buffer.from(JSON.stringify({ outputs: [{ name: 'out', ...tensor }] })), {
    output: 'out',
    minScore: 0.5,
    width: 4,
    height: 1,
    ...options,
  });

t.test('classes, scores and the best of several classes become a map in the size of the image', async (t) => {
  const found = (tensor: object) => [...(classes(tensor) as { classes: Uint8Array }).classes];
  t.same(found({ datatype: 'INT64', shape: [1, 1, 2], data: [0, 7] }), [0, 0, 7, 7]);
  t.same(found({ datatype: 'FP32', shape: [1, 1, 1, 4], data: [0.1, 0.5, 0.9, 0.2] }), [0, 1, 1, 0]);
  t.same(found({ datatype: 'FP32', shape: [1, 3, 1, 2], data: [5, 0, 1, 1, 0, 2] }), [0, 0, 2, 2]);
  t.same(found({ datatype: 'FP32', shape: [1, 1, 1, 2], data: [[[[0.9, 0.1]]]] }), [1, 1, 0, 0], 'nested arrays');
});

t.test('an answer that makes no sense is refused by name', async (t) => {
  const refused = (tensor: object) => (classes(tensor) as { failure: { code: string; message: string } }).failure;
  const shape = [1, 1, 2];
  t.match(refused({ datatype: 'INT64', shape, data: [0, 300] }), { code: 'MODEL_ANSWER', message: /class 300/ });
  t.match(refused({ datatype: 'FP32', shape, data: [1] }), { message: /1 numbers instead of 2/ });
  t.match(refused({ datatype: 'FP32', shape, data: [1, 'x'] }), { message: /no numbers/ });
  t.match(refused({ datatype: 'BYTES', shape, data: [1, 2] }), { message: /type BYTES/ });
  t.match(refused({ datatype: 'FP32', shape: [2, 1, 1], data: [1, 2] }), { message: /no shape/ });
  t.match(refused({ name: 'other', datatype: 'FP32', shape, data: [1, 2] }), { message: /no output "out"/ });
  t.match(classesOfAnswer(Buffer.from('<html>'), { output: 'out', minScore: 0, width: 1, height: 1 }), {
    failure: { message: /no JSON/ },
  });
  t.match(readMetadata(Buffer.from('{"inputs": []}')), { failure: { code: 'MODEL_ANSWER' } });
});
