import { parseUploadRange } from './content-range.ts';
import { send, sendObject, type GcsCall } from './gcs-call.ts';
import { invalid } from './gcs-error.ts';
import { checkContentTypes, IncomingObject } from './incoming-object.ts';
import { checkObjectName } from './name-rules.ts';
import { parseHashHeader } from './object-digest.ts';
import { newSettings, readSettings } from './object-settings.ts';
import { checkBeforeWrite, parseInteger, readPreconditions } from './preconditions.ts';
import { consume, drain, readJson } from './request-body.ts';
import { requestedByQuery } from './upload-object.ts';
import { CHUNK_UNIT_BYTES, type UploadSession } from './upload-session.ts';

/** Opens a session and answers its address. */
export async function startUpload(call: GcsCall): Promise<void> {
  const { headers } = call.request;
  const requested = requestedByQuery(call.query, readSettings(await readJson(call.request)));
  const bucket = call.store.bucket(call.route.bucket);
  const conditions = readPreconditions(call.query);
  const name = requested.name ?? '';
  checkObjectName(name);
  checkBeforeWrite(conditions, bucket.get(name));
  const contentType = headers['x-upload-content-type']?.toString();
  checkContentTypes(requested.fields.contentType, contentType);
  const declared = headers['x-upload-content-length']?.toString();
  const session = call.sessions.open({
    bucket: bucket.name,
    incoming: new IncomingObject(bucket, name, newSettings(requested, bucket.settings.storageClass, contentType)),
    conditions,
    expected: requested,
    declaredBytes: declared === undefined ? undefined : parseInteger(declared, 'X-Upload-Content-Length'),
  });
  const query = new URLSearchParams({ uploadType: 'resumable', name, upload_id: session.id });
  send(call.response, 200, '', {
    location: `${call.baseUrl}${call.rawPath}?${query.toString()}`,
    'x-guploader-uploadid': session.id,
  });
}

/** Takes bytes of a session, says how far it is, or completes it. */
export async function continueUpload(call: GcsCall): Promise<void> {
  const session = call.sessions.get(call.query.get('upload_id') ?? '');
  await session.exclusively(call.request, async () => {
    // The request that this one waited for may have ended the session.
    call.sessions.get(session.id);
    if (session.finished !== undefined) {
      await drain(call.request);
      sendObject(call, session.finished);
      return;
    }
    const complete = await receive(call, session);
    if (complete) finish(call, session);
    else sendIncomplete(call, session);
  });
}

/** Forgets a session. 499 is what GCS answers: the client closed the request. */
export async function cancelUpload(call: GcsCall): Promise<void> {
  const session = call.sessions.get(call.query.get('upload_id') ?? '');
  await session.exclusively(call.request, async () => {
    call.sessions.delete(call.sessions.get(session.id));
    if (session.finished === undefined) session.start.incoming.abort();
    send(call.response, 499, '');
  });
}

/** Takes the request's bytes. Returns whether they were the last. */
async function receive(call: GcsCall, session: UploadSession): Promise<boolean> {
  const range = parseUploadRange(call.request.headers['content-range']);
  const { declaredBytes } = session.start;
  if (range.totalBytes !== undefined && declaredBytes !== undefined && range.totalBytes !== declaredBytes) {
    throw invalid(
      `Invalid request. The total of ${range.totalBytes} byte(s) differs from the declared ${declaredBytes} byte(s).`,
    );
  }
  if (range.kind === 'status') {
    await drain(call.request);
    return range.totalBytes === session.persistedBytes;
  }
  const { start, end, totalBytes } = range;
  const isLast = end === undefined || end === totalBytes;
  if (start > session.persistedBytes) {
    throw invalid(
      `Invalid request. According to the Content-Range header, the upload offset is ${start} byte(s), which exceeds already uploaded size of ${session.persistedBytes} byte(s).`,
    );
  }
  if (!isLast && (end - start) % CHUNK_UNIT_BYTES !== 0) {
    throw invalid(
      `Invalid request. The number of bytes uploaded is required to be equal or greater than ${CHUNK_UNIT_BYTES}, except for the final request, and a multiple of it.`,
    );
  }
  // What the session has already is sent again by a client that missed an answer.
  let known = session.persistedBytes - start;
  let receivedBytes = 0;
  try {
    await consume(call.request, (bytes) => {
      receivedBytes += bytes.length;
      if (known < bytes.length) session.write(bytes.subarray(known));
      known = Math.max(0, known - bytes.length);
    });
    const expectedBytes = (end ?? totalBytes ?? start + receivedBytes) - start;
    if (receivedBytes !== expectedBytes) {
      throw invalid(
        `Invalid request. The body holds ${receivedBytes} byte(s), its Content-Range says ${expectedBytes}.`,
      );
    }
  } catch (error) {
    session.dropWaiting();
    throw error;
  }
  return isLast;
}

function finish(call: GcsCall, session: UploadSession): void {
  const { incoming, conditions, declaredBytes, expected } = session.start;
  session.flush();
  call.sessions.delete(session);
  if (declaredBytes !== undefined && declaredBytes !== session.persistedBytes) {
    incoming.abort();
    throw invalid(
      `Invalid request. The upload holds ${session.persistedBytes} byte(s), but ${declaredBytes} byte(s) were declared.`,
    );
  }
  session.finished = incoming.commit(call, conditions, expected, parseHashHeader(call.request.headers['x-goog-hash']));
  call.sessions.keep(session);
  sendObject(call, session.finished);
}

function sendIncomplete(call: GcsCall, session: UploadSession): void {
  const range: Record<string, string> =
    session.persistedBytes === 0 ? {} : { range: `bytes=0-${session.persistedBytes - 1}` };
  // Go's client follows redirects by itself and therefore asks for another status.
  const disguised = call.request.headers['x-guploader-no-308'] === 'yes';
  if (disguised) send(call.response, 200, '', { ...range, 'x-http-status-code-override': '308' });
  else send(call.response, 308, '', range);
}
