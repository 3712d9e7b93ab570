import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadServices } from '../grpc/load-service.ts';
import { checkMessages, encodedBytes } from './message-rules.ts';
import type { WireMessage } from './wire-messages.ts';

const TOPIC = 'projects/p/topics/abc';
const message = (parts: Partial<WireMessage>): WireMessage => ({
  data: Buffer.alloc(0),
  attributes: {},
  orderingKey: '',
  ...parts,
});

function numbered(count: number, value: string): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, value]));
}

it('reckons a message as long as it is on the wire', () => {
  const [publisher = {}] = loadServices({ name: '@google-cloud/pubsub' }, ['google.pubsub.v1.Publisher']);
  const text = fc.string({ unit: 'binary', maxLength: 300 }).filter((value) => value.isWellFormed());
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.dictionary(
        text.filter((key) => key !== '__proto__'),
        text,
      ),
      text,
      (data, attributes, orderingKey) => {
        const one = message({ data: Buffer.from(data), attributes, orderingKey });
        const bytes = encodedBytes(one);
        // The encoder writes empty fields too where it is given them; clients leave them out.
        const given = {
          ...(data.length > 0 && { data }),
          ...(orderingKey !== '' && { orderingKey }),
          attributes,
        };
        // One message in a request: a tag, the length, the message.
        const request = publisher['Publish']?.requestSerialize({ messages: [given] }).length ?? 0;
        expect(request).toBe(1 + (bytes < 128 ? 1 : bytes < 16_384 ? 2 : 3) + bytes);
      },
    ),
  );
});

it.each<[string, readonly WireMessage[]]>([
  ['1,000 messages', Array.from({ length: 1000 }, () => message({ data: Buffer.from('x') }))],
  ['almost 10 MB', [message({ data: Buffer.alloc(9_999_900) })]],
  ['100 attributes', [message({ attributes: numbered(100, 'v'.repeat(1024)) })]],
  ['attributes alone, without a value', [message({ attributes: { ['k'.repeat(256)]: '' } })]],
  ['long ordering keys', [message({ data: Buffer.from('x'), orderingKey: 'o'.repeat(1024) })]],
])('takes %s', (_, messages) => {
  expect(() => checkMessages(TOPIC, messages)).not.toThrow();
});

it.each<[string, readonly WireMessage[], string]>([
  [
    'no message',
    [],
    'The value for message_count is too small. You passed 0 in the request, but the minimum value is 1.',
  ],
  ['an empty message', [message({})], 'One or more messages in the publish request is empty.'],
  ['over 1,000', Array.from({ length: 1001 }, () => message({ data: Buffer.from('x') })), 'message_count is too large'],
  ['over 10 MB', [message({ data: Buffer.alloc(10_000_000) })], 'The value for request_size is too large.'],
  ['long keys', [message({ attributes: { ['é'.repeat(129)]: 'v' } })], 'You passed 258 in the request'],
  ['long values', [message({ attributes: { k: 'v'.repeat(1025) } })], 'attribute_value_size is too large'],
  ['empty keys', [message({ attributes: { '': 'v' } })], 'attribute_key_size is too small'],
  ['reserved keys', [message({ attributes: { googx: 'v' } })], 'must not begin with "goog"'],
  ['too many attributes', [message({ attributes: numbered(101, '') })], 'attribute_count is too large'],
])('refuses %s', (_, messages, details) => {
  expect(() => checkMessages(TOPIC, messages)).toThrow(details);
});
