/** `at-once`: what the gateway asks of one batch instance, which answers without a job. */
import { type Static, Type } from 'typebox';
import { ImageTransform, OcrOptions } from './jobs.ts';

/** Bytes of a body and of a result: with base64 they fit into one message of NATS, 1 MiB by default. */
export const AT_ONCE_MAX_BYTES = 700_000;

const work = {
  name: Type.String({ minLength: 1, maxLength: 1_024, description: 'name of the file, for messages' }),
  /** The gateway has found the file with the rights of its caller. */
  key: Type.Optional(
    Type.String({ minLength: 1, maxLength: 1_024, description: 'key of the bytes in the file store' }),
  ),
  bytes: Type.Optional(
    Type.String({ maxLength: AT_ONCE_MAX_BYTES * 2, description: 'base64, where no file has them' }),
  ),
  timeoutMs: Type.Integer({ minimum: 1, maximum: 60_000 }),
};

export const AtOnceRequest = Type.Union([
  Type.Object({
    ...work,
    kind: Type.Literal('image.transform'),
    spec: Type.Object({ transform: ImageTransform }, { additionalProperties: false }),
  }),
  Type.Object({
    ...work,
    kind: Type.Literal('ocr'),
    spec: OcrOptions,
    page: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
  }),
]);
export type AtOnceRequest = Static<typeof AtOnceRequest>;

export const AtOnceAnswer = Type.Object({
  value: Type.Unknown(),
  files: Type.Array(Type.Object({ contentType: Type.String(), bytes: Type.String({ description: 'base64' }) })),
});
export type AtOnceAnswer = Static<typeof AtOnceAnswer>;
