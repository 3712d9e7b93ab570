/**
 * What a network, a proxy, a cache or an overloaded service does to one HTTP exchange. Those about the answer's body do nothing
 * where it has none. After all but `trickle`, `lie`, `corrupt`, `corruptRequest`, `wholeForRange`, `stale`, `compressed` and `status`
 * the connection is of no more use.
 */
export type HttpFault =
  /** The connection is reset before the request is read, and so is the next one that is opened: a server restarts, a backlog is full. */
  | { readonly kind: 'refuse' }
  /** The request is read to its end and never reaches the server: a front end dies. */
  | { readonly kind: 'resetBeforeHead' }
  /** Reset in the middle of the answer's head: a process is killed while it answers. */
  | { readonly kind: 'resetInHead' }
  /** Reset after a part of the answer's body: a NAT forgets the connection, an instance is preempted. */
  | { readonly kind: 'resetInBody'; readonly afterBytes?: number }
  /**
   * Nothing more is sent, and the connection stays: a link is cut, a peer is frozen. It lasts until the client gives up or the
   * proxy ends, or is reset after `releaseMs`. At `head` the request is not forwarded.
   */
  | { readonly kind: 'stall'; readonly at: 'head' | 'body'; readonly releaseMs?: number }
  /** The first `pieces` of the body come one by one with a wait before each: a lossy or a congested link. */
  | { readonly kind: 'trickle'; readonly pieces: number; readonly pieceBytes: number; readonly delayMs: number }
  /**
   * Half of the body. `closed`: the connection is closed in an orderly way short of the promised length (an origin that
   * crashed behind a proxy). `plausible`: the length says what comes, as from a cache that has kept a part.
   */
  | { readonly kind: 'truncate'; readonly length: 'closed' | 'plausible' }
  /** A piece of the body comes twice: a proxy repeats a read. `kept`: the length is that of the object, and its end is missing. */
  | { readonly kind: 'duplicate'; readonly length: 'kept' | 'longer' }
  /** One byte of the body is another: faulty memory in a device that computes the TCP checksum anew. */
  | { readonly kind: 'corrupt' }
  /** As `corrupt`, on the way to the server. */
  | { readonly kind: 'corruptRequest' }
  /** Headers of the answer (lower case) have other values, or are missing: a proxy that rewrites them, a server's defect. */
  | { readonly kind: 'lie'; readonly headers: Readonly<Record<string, string | undefined>> }
  /** 200 and the whole object where a range was asked for: a CDN whose origin sends no length. */
  | { readonly kind: 'wholeForRange' }
  /** A refusal that does not reach the server: overload, maintenance, missing permissions, a front end without a back end. */
  | (RefusalFault & { readonly kind: 'status' })
  /** The request has its effect, and its answer is lost: the most common way to do a thing twice. */
  | { readonly kind: 'loseAnswer' }
  /** The server gets half of the request's body, and then a reset: an upload breaks off. */
  | { readonly kind: 'loseRequest' }
  /** An older version, with its ETag: a cache that has not heard of the new one. Ranges are of that version, too. */
  | { readonly kind: 'stale'; readonly etag: string; readonly body: Buffer }
  /** Compressed, with a weak ETag, though identity was asked for: a proxy that wants to save bandwidth. */
  | { readonly kind: 'compressed' }
  /**
   * The next request on this connection has its effect and gets the answer of this one once more: a proxy has lost count of a
   * kept-alive connection, as after request smuggling. Every answer after it is late by one, so the connection ends there.
   */
  | { readonly kind: 'answerTwice' }
  /** Bytes that are no HTTP: another service listens at this port by now, TLS meets plain text. */
  | { readonly kind: 'garbage' };

export type HttpFaultKind = HttpFault['kind'];

export interface RefusalFault {
  readonly status: number;
  /** As in the header: seconds, or an HTTP date. */
  readonly retryAfter?: string | undefined;
  /** Whose words the body has. */
  readonly by: 's3' | 'cloudfront' | 'gcs' | 'frontEnd';
  /** S3's code or Google's reason; default what the service says with this status. */
  readonly code?: string;
}

const S3_CODES: Readonly<Record<number, string>> = {
  400: 'InvalidArgument',
  403: 'AccessDenied',
  404: 'NoSuchKey',
  408: 'RequestTimeout',
  412: 'PreconditionFailed',
  416: 'InvalidRange',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'SlowDown',
};

const GOOGLE_REASONS: Readonly<Record<number, string>> = {
  400: 'invalid',
  401: 'authError',
  403: 'forbidden',
  404: 'notFound',
  408: 'uploadBrokenConnection',
  412: 'conditionNotMet',
  416: 'requestedRangeNotSatisfiable',
  429: 'rateLimitExceeded',
  500: 'internalError',
  502: 'badGateway',
  503: 'backendError',
  504: 'gatewayTimeout',
};

interface Refusal {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * What a service says when it refuses.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 * @see https://cloud.google.com/storage/docs/json_api/v1/status-codes
 */
export function refusalOf(fault: RefusalFault): Refusal {
  const { status, by, retryAfter } = fault;
  const wait: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  switch (by) {
    case 's3':
    case 'cloudfront': {
      const code = fault.code ?? S3_CODES[status] ?? 'ServiceUnavailable';
      // CloudFront's own refusals have no S3 request id.
      const id = by === 's3' ? '<RequestId>PROXY</RequestId>' : '';
      const headers = { ...wait, 'content-type': 'application/xml' };
      return { headers, body: `<Error><Code>${code}</Code><Message>by the proxy</Message>${id}</Error>` };
    }
    case 'gcs': {
      const reason = fault.code ?? GOOGLE_REASONS[status] ?? 'backendError';
      const error = { code: status, message: 'by the proxy', errors: [{ reason }] };
      return { headers: { ...wait, 'content-type': 'application/json' }, body: JSON.stringify({ error }) };
    }
    case 'frontEnd':
      return { headers: { ...wait, 'content-type': 'text/html' }, body: `<html><title>${status}</title></html>` };
  }
}
