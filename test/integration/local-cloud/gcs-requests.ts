import type { GcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** One request of the JSON API; the path is what follows `/storage/v1/b/`. */
export async function send(
  server: GcsServer,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${server.url}/storage/v1/b/${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}
