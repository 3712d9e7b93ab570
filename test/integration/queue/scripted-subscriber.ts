import { type handleUnaryCall, Metadata, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { loadServices } from '@object-transfer/local-cloud/grpc/load-service';
import { type RunningGrpcServer, startGrpcServer } from '@object-transfer/local-cloud/grpc/start-grpc-server';

type StreamCall = ServerDuplexStream<{ readonly subscription: string }, object>;

/** What Pub/Sub may do and the local cloud does not: exactly-once delivery, and silence. */
export interface SubscriberScript {
  /** Called for each stream that opens. */
  readonly onStream: (stream: StreamCall) => void;
  /** Called for each request on a stream but its first. */
  readonly onPing?: (stream: StreamCall) => void;
  /** Called when the client has said that it wants no more. */
  readonly onEnd?: (stream: StreamCall) => void;
  /** Called for each request that changes leases: 0 gives them up. */
  readonly onModify?: (ackIds: readonly string[], seconds: number) => void;
  /** @returns the ids whose lease was lost, with what Pub/Sub says about them */
  readonly onAcknowledge?: (ackIds: readonly string[]) => Readonly<Record<string, string>>;
  /** @returns how many messages are confirmed; default all */
  readonly onPublish?: (messages: readonly PublishedMessage[]) => number | Promise<number>;
  /** Methods that are never answered while this says so. */
  readonly isSilent?: (method: string) => boolean;
}

interface PublishedMessage {
  readonly data: Uint8Array;
  readonly attributes: Readonly<Record<string, string>>;
}

const succeed: handleUnaryCall<object, object> = (_, answer) => answer(null, {});

export function startScriptedSubscriber(script: SubscriberScript): Promise<RunningGrpcServer> {
  const [subscriber = {}, publisher = {}] = loadServices({ name: '@google-cloud/pubsub' }, [
    'google.pubsub.v1.Subscriber',
    'google.pubsub.v1.Publisher',
  ]);
  const acknowledge: handleUnaryCall<{ readonly ackIds: readonly string[] }, object> = ({ request }, answer) => {
    const lost = Object.entries(script.onAcknowledge?.(request.ackIds) ?? {});
    if (lost.length === 0) answer(null, {});
    else answer({ code: status.FAILED_PRECONDITION, details: 'Some leases are lost.', metadata: errorInfo(lost) });
  };
  const modify: handleUnaryCall<{ readonly ackIds: readonly string[]; readonly ackDeadlineSeconds: number }, object> = (
    { request },
    answer,
  ) => {
    script.onModify?.(request.ackIds, request.ackDeadlineSeconds);
    answer(null, {});
  };
  const publish: handleUnaryCall<{ readonly messages: readonly PublishedMessage[] }, object> = (
    { request },
    answer,
  ) => {
    const { messages } = request;
    void Promise.resolve(script.onPublish?.(messages) ?? messages.length).then((confirmed) =>
      answer(null, { messageIds: messages.slice(0, confirmed).map((_, index) => String(index)) }),
    );
  };
  const unlessSilent = <Request, Answer>(
    name: string,
    handle: handleUnaryCall<Request, Answer>,
  ): [string, handleUnaryCall<Request, Answer>] => [
    name,
    (call, answer) => {
      if (script.isSilent?.(name) !== true) handle(call, answer);
    },
  ];
  return startGrpcServer([
    { definition: publisher, implementation: Object.fromEntries([unlessSilent('Publish', publish)]) },
    {
      definition: subscriber,
      implementation: {
        ...Object.fromEntries(Object.keys(subscriber).map((name) => unlessSilent(name, succeed))),
        ...Object.fromEntries([unlessSilent('Acknowledge', acknowledge)]),
        ...Object.fromEntries([unlessSilent('ModifyAckDeadline', modify)]),
        StreamingPull: (call: StreamCall) => {
          let opened = false;
          call.on('data', () => {
            if (opened) script.onPing?.(call);
            opened = true;
          });
          call.on('end', () => {
            script.onEnd?.(call);
            call.end();
          });
          call.on('error', () => {});
          script.onStream(call);
        },
      },
    },
  ]);
}

/** Messages as a stream carries them, in one response. */
export function received(...ackIds: readonly string[]): object {
  return { receivedMessages: ackIds.map((ackId) => receivedMessage(ackId)) };
}

export function receivedMessage(ackId: string, attributes: Readonly<Record<string, string>> = {}): object {
  const message = { data: Buffer.from(ackId), attributes, messageId: ackId, publishTime: { seconds: 0, nanos: 0 } };
  return { ackId, message, deliveryAttempt: 1 };
}

/** `google.rpc.Status` with one `google.rpc.ErrorInfo`, encoded as https://protobuf.dev/programming-guides/encoding/ says. */
function errorInfo(entries: readonly (readonly [string, string])[]): Metadata {
  const info = entries.map(([key, value]) => field(3, Buffer.concat([field(1, key), field(2, value)])));
  const any = [field(1, 'type.googleapis.com/google.rpc.ErrorInfo'), field(2, Buffer.concat(info))];
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', field(3, Buffer.concat(any)));
  return metadata;
}

function field(number: number, content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  if (bytes.length > 16_383) throw new RangeError('its length takes more than two bytes');
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}
