import { ImageTransformSpec } from '@tidemark/contracts';
import { decodedBytes, type ImageFacts } from '../images/image-facts.ts';
import { probe } from '../images/probe.ts';
import { transformImage } from '../images/transform.ts';
import { fileSource } from './file-source.ts';
import { defineKind, type FileInput, type Item, type ItemContext } from './job-kind.ts';

const factsOf = new WeakMap<Buffer, ImageFacts>();

export default defineKind({
  name: 'image.transform',
  version: 1,
  spec: ImageTransformSpec,
  item: { input: 'file', keepsSuccesses: true },
  limits: { itemMs: 120_000 },
  runsOn: 'thread',
  source: fileSource,
  async cost(item, context) {
    return decodedBytes(await factsOfItem(item, context), context.spec.transform);
  },
  async run(item, context) {
    const { bytes, format, width, height } = await transformImage({
      input: await context.read(),
      name: item.name,
      facts: await factsOfItem(item, context),
      transform: context.spec.transform,
      timeoutMs: context.limits.itemMs,
    });
    const metadata = { width, height, source: item.input.file };
    const extension = format === 'jpeg' ? 'jpg' : format;
    return { files: [{ bytes, contentType: `image/${format}`, extension, metadata }], value: { width, height } };
  },
});

async function factsOfItem(item: Item<FileInput>, context: ItemContext<ImageTransformSpec>): Promise<ImageFacts> {
  const input = await context.read();
  const facts = factsOf.get(input) ?? (await probe(input, item.name, context.limits.pixels));
  factsOf.set(input, facts);
  return facts;
}
