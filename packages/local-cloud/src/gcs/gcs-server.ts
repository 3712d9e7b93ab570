import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen, type ListenOptions, type RequestHandler, type RunningServer } from '../http/listen.ts';
import * as buckets from './bucket-requests.ts';
import { checkBearerToken, type TokenCheck } from './bearer-token.ts';
import { composeObjects } from './compose-objects.ts';
import { copyObject } from './copy-object.ts';
import { downloadObject } from './download-object.ts';
import { send, type GcsCall } from './gcs-call.ts';
import { GcsError } from './gcs-error.ts';
import { routeRequest, type Operation } from './gcs-route.ts';
import { GcsStats } from './gcs-stats.ts';
import { GcsObjects } from './gcs-objects.ts';
import * as objects from './object-requests.ts';
import { ObjectStore, type ObjectStoreOptions } from './object-store.ts';
import { drain, RequestAborted } from './request-body.ts';
import { parseRequestTarget } from './request-target.ts';
import { rewriteObject } from './rewrite-object.ts';
import { uploadMedia, uploadMultipart } from './upload-object.ts';
import { cancelUpload, continueUpload, startUpload } from './upload-resumable.ts';
import { UploadSessions } from './upload-session.ts';

export interface GcsServerOptions extends ListenOptions, ObjectStoreOptions {
  /** Made unless they exist. Any other bucket is 404 until a client makes it. */
  readonly buckets?: readonly string[];
  /** Refuse requests without this token, or without one that the function accepts, with 401. Default: no token is looked at. */
  readonly requireBearerToken?: TokenCheck | undefined;
  /**
   * How far one call of a rewrite comes that changes the storage class, where the client does not say. GCS takes several
   * calls for large objects. Default: one is enough.
   */
  readonly maxBytesRewrittenPerCall?: number | undefined;
}

export interface GcsServer extends RunningServer {
  /** The objects behind the server's back: to look, and to tamper. */
  readonly objects: GcsObjects;
  readonly stats: GcsStats;
}

const HANDLERS: Record<Operation, (call: GcsCall) => void | Promise<void>> = {
  'buckets.list': buckets.listBuckets,
  'buckets.insert': buckets.insertBucket,
  'buckets.get': buckets.getBucket,
  'buckets.patch': buckets.patchBucket,
  'buckets.delete': buckets.deleteBucket,
  'buckets.getStorageLayout': buckets.getStorageLayout,
  'buckets.getIamPolicy': buckets.getIamPolicy,
  'buckets.testIamPermissions': buckets.testIamPermissions,
  'objects.list': objects.listObjects,
  'objects.get': objects.getObject,
  'objects.getMedia': downloadObject,
  'objects.patch': objects.patchObject,
  'objects.update': objects.updateObject,
  'objects.delete': objects.deleteObject,
  'objects.compose': composeObjects,
  'objects.rewrite': rewriteObject,
  'objects.copy': copyObject,
  'objects.insert.media': uploadMedia,
  'objects.insert.multipart': uploadMultipart,
  'objects.insert.resumable': startUpload,
  'objects.insert.resumable.continue': continueUpload,
  'objects.insert.resumable.cancel': cancelUpload,
};

/**
 * Serves the JSON API of Google Cloud Storage on loopback, for rehearsals and tests.
 * @throws the listen error as Node reports it, or what opening `directory` throws
 * @see https://cloud.google.com/storage/docs/json_api/v1
 */
export async function startGcsServer(options: GcsServerOptions = {}): Promise<GcsServer> {
  const store = new ObjectStore(options);
  const known = new Set(store.buckets().map((bucket) => bucket.name));
  for (const name of options.buckets ?? []) if (!known.has(name)) store.createBucket(name);
  const sessions = new UploadSessions();
  const stats = new GcsStats();
  const { maxBytesRewrittenPerCall } = options;
  const answer: RequestHandler = async (request, response) => {
    try {
      const call = toCall(request, response, { store, sessions, stats, maxBytesRewrittenPerCall });
      stats.countOperation(call.route.operation);
      checkBearerToken(options.requireBearerToken, call);
      await HANDLERS[call.route.operation](call);
    } catch (error) {
      await refuse(request, response, error);
    }
  };
  const running = await listen(answer, options).catch((error: unknown) => {
    store.close();
    throw error;
  });
  return {
    ...running,
    objects: new GcsObjects(store, running.url),
    stats,
    close: async () => {
      await running.close();
      sessions.close();
      store.close();
    },
  };
}

type Shared = Pick<GcsCall, 'store' | 'sessions' | 'stats' | 'maxBytesRewrittenPerCall'>;

function toCall(request: IncomingMessage, response: ServerResponse, shared: Shared): GcsCall {
  const { segments, query, rawPath } = parseRequestTarget(request.url ?? '/');
  const override = request.headers['x-http-method-override']?.toString();
  const method = request.method === 'POST' && override !== undefined ? override : (request.method ?? 'GET');
  const route = routeRequest(method, segments, query);
  const baseUrl = `http://${request.headers.host ?? 'localhost'}`;
  return { request, response, route, query, rawPath, baseUrl, ...shared };
}

/** Answers a refusal once the request was read to its end; anything else is for the listener to report. */
async function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void> {
  if (error instanceof RequestAborted || (request.destroyed && !request.complete)) {
    response.destroy();
    return;
  }
  if (!(error instanceof GcsError) || response.headersSent) throw error;
  await drain(request).catch((reason: unknown) => {
    if (!(reason instanceof RequestAborted)) throw reason;
  });
  const headers: Record<string, string> =
    error.status === 401 ? { 'www-authenticate': 'Bearer realm="https://accounts.google.com/"' } : {};
  send(response, error.status, error.status === 304 ? '' : JSON.stringify(error.body()), headers);
}
