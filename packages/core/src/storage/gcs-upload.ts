import type { ObjectUpload, UploadRequest } from '../ports/object-destination.ts';
import { unlessAborted } from '../runtime/unless-aborted.ts';
import { multipartEnvelope } from './gcs-multipart-body.ts';
import { OBJECT_FIELDS, toGcsInsert } from './gcs-object-fields.ts';
import { GcsSending, type GcsUploadContext } from './gcs-sending.ts';
import { queryString } from './query-string.ts';

/**
 * Metadata and bytes in one request. GCS checks the MD5, where it is told; it cannot check a CRC32C that is known only when the
 * last byte is out.
 * @see https://cloud.google.com/storage/docs/json_api/v1/objects/insert (uploadType=multipart)
 */
export async function openMultipartUpload(context: GcsUploadContext, request: UploadRequest): Promise<ObjectUpload> {
  const { name, ifGenerationMatch, sizeBytes } = request;
  const envelope = multipartEnvelope(toGcsInsert(request));
  const query = queryString({ uploadType: 'multipart', ifGenerationMatch, fields: OBJECT_FIELDS });
  const token = context.tokens === undefined ? undefined : await unlessAborted(context.tokens.token(), request.signal);
  const sending = new GcsSending(context, request.signal, { token });
  await sending.begin('POST', `${context.uploadPath}?${query}`, {
    'content-type': envelope.contentType,
    'content-length': String(envelope.opening.length + sizeBytes + envelope.closing.length),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  });
  try {
    await sending.send(envelope.opening);
  } catch (error) {
    sending.close();
    throw error;
  }
  return {
    // What has been sent is not kept anywhere.
    mayFinishAgain: false,
    write: (bytes) => sending.send(bytes),
    async finish() {
      await sending.send(envelope.closing);
      return sending.stored((await sending.answer()).text, name);
    },
    abort: () => {
      sending.close();
      return Promise.resolve();
    },
  };
}
