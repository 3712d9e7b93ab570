import { FIELDS, type FieldKey } from './fields.ts';
import type { RuleBreach, RuleInput } from './rule-breach.ts';
import { codeOf, type SqlTemplate } from './sql-template.ts';

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

/** What is given in vain, or is about another table than this program's. */
export function adapterWarnings({ settings, wasGiven }: RuleInput): readonly RuleBreach[] {
  const given = OVERRIDES.filter((key) => wasGiven(key));
  if (!wasGiven('mysqlTable')) {
    const problem = 'has no effect: only a state in MySQL (mysql_table) takes statements';
    return given.map((key) => ({ key, problem }));
  }
  const { mysqlTable } = settings;
  if (mysqlTable === undefined) return [];
  return given
    .filter((key) => settings[key] !== undefined && !namesTable(settings[key], mysqlTable))
    .map((key) => ({
      key,
      problem: `does not name the table of mysql_table, ${mysqlTable}: is it meant for another?`,
    }));
}

/** Whether a statement names a table, with or without its database. */
function namesTable({ text }: SqlTemplate, qualified: string): boolean {
  const table = qualified.slice(qualified.indexOf('.') + 1);
  return (
    codeOf(text)
      .match(/[\w$]+/g)
      ?.includes(table) === true
  );
}
