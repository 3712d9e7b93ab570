import type { IncomingMessage, ServerResponse } from 'node:http';
import { applyFields } from './fields-mask.ts';
import type { GcsStats } from './gcs-stats.ts';
import type { Route } from './gcs-route.ts';
import type { ObjectStore } from './object-store.ts';
import { toResource, type StoredObject } from './stored-object.ts';
import type { UploadSessions } from './upload-session.ts';

/** One request with all that is needed to answer it. */
export interface GcsCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: Route;
  readonly query: URLSearchParams;
  /** The path as it was sent. */
  readonly rawPath: string;
  /** What the client calls this server: `http://` and its Host header. */
  readonly baseUrl: string;
  readonly store: ObjectStore;
  readonly sessions: UploadSessions;
  readonly stats: GcsStats;
  /** How far one call of a rewrite comes that changes the storage class; `undefined` for all the way. */
  readonly maxBytesRewrittenPerCall: number | undefined;
}

/** Answers 200 with an object's resource. */
export function sendObject(call: GcsCall, object: StoredObject): void {
  sendJson(call, toResource(object, call.baseUrl));
}

/** Answers 200 with JSON, reduced to what the `fields` parameter asks for. */
export function sendJson(call: GcsCall, value: unknown): void {
  send(call.response, 200, JSON.stringify(applyFields(value, call.query.get('fields'))));
}

/** Answers with a JSON text, or with no body at all. */
export function send(
  response: ServerResponse,
  status: number,
  json: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    ...headers,
    ...(json === '' ? {} : { 'content-type': 'application/json; charset=UTF-8' }),
    ...(status === 204 || status === 304 ? {} : { 'content-length': Buffer.byteLength(json) }),
  });
  response.end(json);
}
