import { ConfigurationError } from '../domain/errors.ts';

type PubsubCollection = 'topics' | 'subscriptions';

/**
 * @param name a bare id, or `projects/PROJECT/topics/ID`
 * @returns `projects/PROJECT/topics/ID`
 * @throws ConfigurationError `CONFIG_INVALID`
 * @see https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
 */
export function pubsubName(collection: PubsubCollection, name: string, projectId: string): string {
  const full = name.includes('/') ? name : `projects/${projectId}/${collection}/${name}`;
  const [projects, project, found, id, ...rest] = full.split('/');
  const valid =
    projects === 'projects' &&
    project !== undefined &&
    project !== '' &&
    found === collection &&
    /^[A-Za-z][A-Za-z0-9\-._~+%]{2,254}$/.test(id ?? '') &&
    !/^goog/i.test(id ?? '') &&
    rest.length === 0;
  if (valid) return full;
  throw new ConfigurationError(
    'CONFIG_INVALID',
    `${JSON.stringify(name)} names none of Pub/Sub's ${collection}: it must be an id of 3 to 255 letters, digits and ` +
      `-._~+%, which begins with a letter and not with goog, or projects/PROJECT/${collection}/ID`,
  );
}
