import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers one request, or mistreats it. */
export type Step = (response: ServerResponse, request: IncomingMessage) => void;

interface ReceivedRequest {
  readonly method: string;
  /** Raw, with its query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server that is scripted to misbehave. */
export interface ScriptedServer {
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  /** Replaces what is left of the script; the last step answers every request after it too. */
  script(...steps: readonly [Step, ...Step[]]): void;
  close(): Promise<void>;
}

export async function startScriptedServer(): Promise<ScriptedServer> {
  let remaining: readonly Step[] = [];
  const requests: ReceivedRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      requests.push({ method, target: url, headers, body: Buffer.concat(chunks).toString() });
      const [step, ...rest] = remaining;
      if (rest.length > 0) remaining = rest;
      step?.(response, request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    script(...steps) {
      requests.length = 0;
      remaining = steps;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** A whole answer. */
export function answer(status: number, headers: Record<string, string> = {}, body: string | Buffer = ''): Step {
  return (response) => {
    response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers }).end(body);
  };
}

/** Promises `content-length` bytes, sends `body`, and breaks the connection. */
export function breakOff(status: number, headers: Record<string, string>, body: string): Step {
  return (response, request) => {
    response.writeHead(status, headers);
    response.write(body, () => request.socket.destroy());
  };
}

/** Breaks the connection without a word. */
export function hangUp(): Step {
  return (_, request) => {
    request.socket.destroy();
  };
}

/** Sends headers and `body`, and then nothing. */
export function stall(status: number, headers: Record<string, string>, body: string): Step {
  return (response) => {
    response.writeHead(status, headers);
    response.write(body);
  };
}

/** Never answers. */
export function silence(): Step {
  return () => undefined;
}

/** An error as S3 answers it. */
export function s3Error(status: number, code: string, headers: Record<string, string> = {}): Step {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>Because.</Message><RequestId>R1</RequestId></Error>`;
  return answer(status, { 'content-type': 'application/xml', ...headers }, body);
}

/** An error as the JSON API of GCS answers it. */
export function gcsError(
  status: number,
  reason: string,
  message = 'Because.',
  headers: Record<string, string> = {},
): Step {
  const body = JSON.stringify({ error: { code: status, message, errors: [{ reason, message }] } });
  return answer(status, { 'content-type': 'application/json', ...headers }, body);
}
