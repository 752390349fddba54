import { ImageTransform } from '@tidemark/contracts';
import type { BaseApp } from '@tidemark/service';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { RouteContext } from '../../context.ts';
import { errors } from '../../errors.ts';
import { bodyOf } from '../../request/parse.ts';
import { MEDIA_CONFIG, mediaInput } from './media-bodies.ts';

const TransformQuery = Type.Object({
  file: Type.Optional(Type.String({ maxLength: 64 })),
  transform: Type.Optional(Type.String({ maxLength: 8_192 })),
});
const validator = Compile(ImageTransform);
const EXAMPLE =
  'Send {"resize": {"width": 640}, "format": "webp"} as the body, or as ?transform= with an image as the body.';

/** The transform is the body where a file is named, and `?transform=` where the image is the body. */
export function registerTransform(app: BaseApp, context: RouteContext): void {
  app.post<{ Querystring: { file?: string; transform?: string } }>(
    '/api/v1/images/transform',
    { schema: { querystring: TransformQuery }, config: MEDIA_CONFIG },
    async (request, reply) => {
      const text = request.query.transform ?? (Buffer.isBuffer(request.body) ? '' : bodyOf(request));
      const transform = parseTransform(text);
      const input = await mediaInput(context, request);
      const { files } = await context.atOnce(request, { kind: 'image.transform', spec: { transform }, ...input });
      const [image] = files as [(typeof files)[0]];
      return reply
        .type(image.contentType)
        .header('cache-control', 'private, no-store')
        .header('content-security-policy', "default-src 'none'; sandbox")
        .send(Buffer.from(image.bytes, 'base64'));
    },
  );
}

function parseTransform(text: string): ImageTransform {
  let transform: unknown;
  try {
    transform = JSON.parse(text);
  } catch (cause) {
    throw errors.MEDIA_OPTIONS({ problem: 'it is no JSON', hint: EXAMPLE }, { cause });
  }
  if (!validator.Check(transform)) {
    const [first] = validator.Errors(transform);
    throw errors.MEDIA_OPTIONS({ problem: `${first?.instancePath || '/'} ${first?.message}`, hint: EXAMPLE });
  }
  if (transform.sizes) {
    throw errors.MEDIA_OPTIONS({
      problem: '/sizes makes several files',
      hint: 'Ask for one, by resize, or start a job.',
    });
  }
  return transform;
}
