import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';

/** Refuses requests by answers that repeat all that was sent, as proxies and gateways do; keeps the secrets that it saw. */
export class EchoingRefusals {
  /** By what they are, as {@link findLeaks} takes them. */
  readonly seen = new Map<string, string>();
  refused = 0;
  readonly #isRefused: (request: IncomingMessage) => boolean;
  readonly #forms: readonly Form[];

  /** @param forms of the answers, by turns */
  constructor(isRefused: (request: IncomingMessage) => boolean, forms: readonly Form[] = ['S3', 'Google', 'text']) {
    this.#isRefused = isRefused;
    this.#forms = forms;
  }

  readonly intercept: RequestInterceptor = (request, response) => {
    this.#note(request);
    if (!this.#isRefused(request)) return false;
    request.resume();
    echo(request, response, this.#forms[this.refused++ % this.#forms.length] ?? 'text');
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

/** As S3 answers, as the JSON API of Google does, or neither. */
type Form = 'S3' | 'Google' | 'text';

function echo(request: IncomingMessage, response: ServerResponse, form: Form): void {
  const said = `${request.method} ${request.url}\n${request.rawHeaders.join(': ')}`;
  const escaped = said.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const bodies = {
    S3: ['application/xml', `<Error><Code>AccessDenied</Code><Message>${escaped}</Message></Error>`],
    Google: [
      'application/json',
      JSON.stringify({ error: { code: 403, message: said, errors: [{ reason: 'forbidden' }] } }),
    ],
    text: ['text/plain', said],
  } as const;
  const [type, body] = bodies[form];
  response.writeHead(403, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}
