import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';

/** Refuses requests by answers that repeat all that was sent, as proxies and gateways do; keeps the secrets that it saw. */
export class EchoingRefusals {
  /** By what they are, as {@link findLeaks} takes them. */
  readonly seen = new Map<string, string>();
  refused = 0;
  readonly #isRefused: (request: IncomingMessage) => boolean;

  constructor(isRefused: (request: IncomingMessage) => boolean) {
    this.#isRefused = isRefused;
  }

  readonly intercept: RequestInterceptor = (request, response) => {
    this.#note(request);
    if (!this.#isRefused(request)) return false;
    request.resume();
    echo(request, response, this.refused++);
    return true;
  };

  #note({ url = '', headers }: IncomingMessage): void {
    for (const [name, value] of new URLSearchParams(url.split('?')[1])) {
      if (/^(?:Policy|Signature|upload_id)$/.test(name)) this.seen.set(`query ${name} ${value.slice(-6)}`, value);
      if (name === 'Key-Pair-Id') this.seen.set('query Key-Pair-Id', `Key-Pair-Id=${value}`);
    }
    const { authorization = '', 'x-amz-security-token': token } = headers;
    const [, signature] = /Signature=(\w+)/.exec(authorization) ?? [];
    if (signature !== undefined) this.seen.set(`AWS signature ${signature.slice(-6)}`, signature);
    if (typeof token === 'string') this.seen.set('header x-amz-security-token', token);
    if (authorization.startsWith('Bearer ')) this.seen.set('access token', authorization.slice('Bearer '.length));
  }
}

/** By turns as S3 answers, as the JSON API of Google does, and as text. */
function echo(request: IncomingMessage, response: ServerResponse, turn: number): void {
  const said = `${request.method} ${request.url}\n${request.rawHeaders.join(': ')}`;
  const escaped = said.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const bodies: readonly (readonly [string, string])[] = [
    ['application/xml', `<Error><Code>AccessDenied</Code><Message>${escaped}</Message></Error>`],
    ['application/json', JSON.stringify({ error: { code: 403, message: said, errors: [{ reason: 'forbidden' }] } })],
    ['text/plain', said],
  ];
  const [type, body] = bodies[turn % bodies.length] ?? ['text/plain', said];
  response.writeHead(403, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}
