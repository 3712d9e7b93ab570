import { FIELDS, type FieldKey } from './fields.ts';
import type { RuleBreach, RuleInput } from './setting-rules.ts';

/**
 * State, queue and secrets are chosen one by one, by which fields are there: what a chosen service cannot do without is
 * demanded with it.
 */
export function adapterBreaches({ wasGiven }: RuleInput): readonly RuleBreach[] {
  const breaches: RuleBreach[] = [];
  const demand = (key: FieldKey, by: FieldKey, problem: string): void => {
    if (wasGiven(by) && !wasGiven(key) && !breaches.some((breach) => breach.key === key)) {
      breaches.push({ key, problem: `is missing: ${FIELDS[by].name} is given, and ${problem}` });
    }
  };
  demand('credentialsSecretId', 'mysqlTable', 'MySQL needs the credentials that are in this secret');
  demand('errorPubsubTopicId', 'pubsubSubscriptionId', 'what fails must go somewhere');
  demand('pubsubSubscriptionId', 'errorPubsubTopicId', 'Pub/Sub is used for both or for none');
  for (const key of ['pubsubTopicId', 'pubsubSubscriptionId', 'errorPubsubTopicId'] as const) {
    demand('gcpProject', key, 'Pub/Sub belongs to a project');
  }
  return breaches;
}

const OVERRIDES = ['pullQuery', 'updateQuery', 'insertQuery', 'startQuery', 'endQuery'] as const;

/** What is given in vain. */
export function adapterWarnings({ wasGiven }: RuleInput): readonly RuleBreach[] {
  if (wasGiven('mysqlTable')) return [];
  return OVERRIDES.filter((key) => wasGiven(key)).map((key) => ({
    key,
    problem: 'has no effect: only a state in MySQL (mysql_table) takes statements',
  }));
}
