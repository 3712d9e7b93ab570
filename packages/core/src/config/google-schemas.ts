import type { z } from 'zod';
import { text } from './value-schemas.ts';

/** @see https://cloud.google.com/resource-manager/docs/creating-managing-projects */
const PROJECT = String.raw`(?:[a-z][a-z0-9.-]*:)?[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?`;
/** Names of topics and subscriptions. @see https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names */
const NAME = String.raw`(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}`;

export const projectId: z.ZodType<string> = text.regex(
  new RegExp(`^${PROJECT}$`),
  'must be the id of a Google Cloud project, such as my-project-123',
);

/** A topic by its id, or by its full name where it belongs to another project. */
export const topicId: z.ZodType<string> = text.regex(
  new RegExp(`^(?:projects/${PROJECT}/topics/)?${NAME}$`),
  'must be the id of a topic, or projects/PROJECT/topics/TOPIC',
);

/** A subscription by its id, or by its full name where it belongs to another project. */
export const subscriptionId: z.ZodType<string> = text.regex(
  new RegExp(`^(?:projects/${PROJECT}/subscriptions/)?${NAME}$`),
  'must be the id of a subscription, or projects/PROJECT/subscriptions/SUBSCRIPTION',
);

/** The name of a secret: a secret given in its place is refused without being repeated. */
export const secretId: z.ZodType<string> = text.refine(
  (value) => !value.includes('-----BEGIN') && !/[\r\n]|^\s*\{/.test(value),
  'must be the name of a secret, not the secret itself',
);
