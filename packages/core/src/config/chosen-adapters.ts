/** Which system stands behind each port. */
export interface ChosenAdapters {
  readonly state: 'mysql' | 'sqlite';
  readonly queue: 'pubsub' | 'sqlite';
  /** Ids of the forms `file:PATH` and `env:NAME` are read on this machine in any case. */
  readonly secrets: 'secret-manager' | 'environment';
}

/** The fields that decide. */
export interface AdapterSettings {
  readonly mysqlTable?: string | undefined;
  readonly pubsubTopicId?: string | undefined;
  readonly pubsubSubscriptionId?: string | undefined;
  readonly gcpProject?: string | undefined;
}

/** Chooses state, queue and secrets one by one, by which fields are given. */
export function chooseAdapters(settings: AdapterSettings): ChosenAdapters {
  const { mysqlTable, pubsubTopicId, pubsubSubscriptionId, gcpProject } = settings;
  return {
    state: mysqlTable === undefined ? 'sqlite' : 'mysql',
    queue: pubsubTopicId === undefined && pubsubSubscriptionId === undefined ? 'sqlite' : 'pubsub',
    secrets: gcpProject === undefined ? 'environment' : 'secret-manager',
  };
}
