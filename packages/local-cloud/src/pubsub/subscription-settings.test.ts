import { status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { applyUpdate, checkAckDeadline, parseSubscription, toWireSubscription } from './subscription-settings.ts';
import type { WireSubscription } from './wire-messages.ts';

const NAME = 'projects/p/subscriptions/abc';
const TOPIC = 'projects/p/topics/abc';
const DEAD_LETTER_TOPIC = 'projects/p/topics/dead';

/** As it comes off the wire, where the client says nothing. */
const EMPTY: WireSubscription = {
  name: NAME,
  topic: TOPIC,
  pushConfig: null,
  bigqueryConfig: null,
  cloudStorageConfig: null,
  bigtableConfig: null,
  ackDeadlineSeconds: 0,
  retainAckedMessages: false,
  messageRetentionDuration: null,
  labels: {},
  enableMessageOrdering: false,
  expirationPolicy: null,
  filter: '',
  deadLetterPolicy: null,
  retryPolicy: null,
  enableExactlyOnceDelivery: false,
};

it("fills in Google's defaults", () => {
  expect(parseSubscription(EMPTY)).toEqual({
    ackDeadlineSeconds: 10,
    retainAckedMessages: false,
    messageRetentionMs: 7 * 86_400_000,
    labels: {},
    expirationTtl: { seconds: '2678400', nanos: 0 },
    filter: '',
    deadLetterPolicy: undefined,
    retryPolicy: undefined,
  });
  const { deadLetterPolicy, retryPolicy } = parseSubscription({
    ...EMPTY,
    deadLetterPolicy: { deadLetterTopic: DEAD_LETTER_TOPIC, maxDeliveryAttempts: 0 },
    retryPolicy: { minimumBackoff: null, maximumBackoff: null },
  });
  expect(deadLetterPolicy).toEqual({ topic: DEAD_LETTER_TOPIC, maxDeliveryAttempts: 5 });
  expect(retryPolicy).toEqual({ minimumBackoffMs: 10_000, maximumBackoffMs: 600_000 });
});

it('tells what it was told', () => {
  const told: WireSubscription = {
    ...EMPTY,
    pushConfig: { pushEndpoint: '' },
    ackDeadlineSeconds: 600,
    retainAckedMessages: true,
    messageRetentionDuration: { seconds: '600', nanos: 0 },
    labels: { a: 'b' },
    expirationPolicy: { ttl: null },
    filter: 'attributes:a',
    deadLetterPolicy: { deadLetterTopic: DEAD_LETTER_TOPIC, maxDeliveryAttempts: 100 },
    retryPolicy: { minimumBackoff: { seconds: '0', nanos: 500_000_000 }, maximumBackoff: { seconds: '600', nanos: 0 } },
  };
  expect(toWireSubscription(NAME, TOPIC, parseSubscription(told))).toEqual(told);
});

const INVALID: readonly (readonly [string, Partial<WireSubscription>])[] = [
  ['Invalid ack deadline given (ack_deadline=9).', { ackDeadlineSeconds: 9 }],
  ['Invalid ack deadline given (ack_deadline=601).', { ackDeadlineSeconds: 601 }],
  ['message_retention_duration is too small', { messageRetentionDuration: { seconds: '599', nanos: 0 } }],
  ['message_retention_duration is too large', { messageRetentionDuration: { seconds: '2678401', nanos: 0 } }],
  ['expiration_policy.ttl is too small', { expirationPolicy: { ttl: { seconds: '86399', nanos: 0 } } }],
  ['filter_size is too large', { filter: 'x'.repeat(257) }],
  [
    'max_delivery_attempts is too small. You passed 4',
    { deadLetterPolicy: { deadLetterTopic: DEAD_LETTER_TOPIC, maxDeliveryAttempts: 4 } },
  ],
  [
    'max_delivery_attempts is too large. You passed 101',
    { deadLetterPolicy: { deadLetterTopic: DEAD_LETTER_TOPIC, maxDeliveryAttempts: 101 } },
  ],
  [
    'Invalid resource name given (dead_letter_topic=).',
    { deadLetterPolicy: { deadLetterTopic: '', maxDeliveryAttempts: 5 } },
  ],
  [
    'minimum_backoff is out of bounds. You passed 601s',
    { retryPolicy: { minimumBackoff: { seconds: '601', nanos: 0 }, maximumBackoff: null } },
  ],
  [
    'maximum_backoff is too small. You passed 5s in the request, but the minimum value is 10s.',
    { retryPolicy: { minimumBackoff: null, maximumBackoff: { seconds: '5', nanos: 0 } } },
  ],
];
it.each(INVALID)('refuses: %s', (details, settings) => {
  const parse = (): unknown => parseSubscription({ ...EMPTY, ...settings });
  expect(parse).toThrow(details);
  expect(parse).toThrow(expect.objectContaining({ code: status.INVALID_ARGUMENT }));
});

it('changes what the mask names and nothing else', () => {
  const update = { ...EMPTY, ackDeadlineSeconds: 60, labels: { a: 'b' }, retainAckedMessages: true };
  const current = { ...EMPTY, ackDeadlineSeconds: 20 };
  expect(applyUpdate(current, update, ['ack_deadline_seconds', 'labels'])).toEqual({
    ...EMPTY,
    ackDeadlineSeconds: 60,
    labels: { a: 'b' },
  });
});

it.each([
  [[], 'must contain a non-empty paths list'],
  [['topic'], 'the topic field in the Subscription is not mutable'],
  [['labels', 'filter'], 'the filter field in the Subscription is not mutable'],
  [['ackDeadlineSeconds'], 'ackDeadlineSeconds is not a known Subscription field'],
  [['constructor'], 'constructor is not a known Subscription field'],
])('refuses the mask %j', (paths, details) => {
  expect(() => applyUpdate(EMPTY, EMPTY, paths)).toThrow(details);
});

it('takes 0 as the deadline of a lease, not of a subscription', () => {
  expect(() => checkAckDeadline(0, 0)).not.toThrow();
  expect(() => checkAckDeadline(0, 10)).toThrow('between 10 and 600 seconds');
  expect(() => checkAckDeadline(-1, 0)).toThrow('between 0 and 600 seconds');
});
