/** What broke an exchange: the other side, or the network between. */
export type WireErrorCode =
  | 'WIRE_CONNECT_TIMEOUT'
  | 'WIRE_HEADERS_TIMEOUT'
  | 'WIRE_BODY_TIMEOUT'
  /** The other side closed the connection in the middle of an exchange. */
  | 'WIRE_CLOSED'
  /** What came is no HTTP/1.1. */
  | 'WIRE_PROTOCOL';

/** Any of them may pass; who sent the request says what it was for. */
export class WireError extends Error {
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string) {
    super(message);
    this.name = 'WireError';
    this.code = code;
  }
}
