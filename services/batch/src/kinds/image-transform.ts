import { ImageTransformSpec } from '@tidemark/contracts';
import type { ImageFacts } from '../images/image-facts.ts';
import { decodedBytes } from '../images/memory.ts';
import { probe } from '../images/probe.ts';
import { type Transformed, transformImage } from '../images/transform.ts';
import { fileSource } from './file-source.ts';
import { defineKind, type FileInput, type Item, type ItemContext, type OutputFile } from './job-kind.ts';

const factsOf = new WeakMap<Buffer, ImageFacts>();

export default defineKind({
  name: 'image.transform',
  version: 2,
  oldest: 1,
  spec: ImageTransformSpec,
  item: { input: 'file', keepsSuccesses: true },
  limits: { itemMs: 120_000 },
  runsOn: 'thread',
  source: fileSource,
  async cost(item, context) {
    return decodedBytes(await factsOfItem(item, context), context.spec.transform);
  },
  async run(item, context) {
    const images = await transformImage({
      input: await context.read(),
      name: item.name,
      facts: await factsOfItem(item, context),
      transform: context.spec.transform,
      timeoutMs: context.limits.itemMs,
    });
    const sizes = images.map(({ width, height }) => ({ width, height }));
    return {
      files: images.map((image, n) => toFile(image, { ...sizes[n], source: item.input.file })),
      value: context.spec.transform.sizes ? { sizes } : sizes[0],
    };
  },
});

async function factsOfItem(item: Item<FileInput>, context: ItemContext<ImageTransformSpec>): Promise<ImageFacts> {
  const input = await context.read();
  const facts = factsOf.get(input) ?? (await probe(input, item.name, context.limits.pixels));
  factsOf.set(input, facts);
  return facts;
}

function toFile({ bytes, format }: Transformed, metadata: Record<string, unknown>): OutputFile {
  const extension = format === 'jpeg' ? 'jpg' : format;
  return { bytes, contentType: `image/${format}`, extension, metadata };
}
