import type { ChosenAdapters } from '@object-transfer/core/config/chosen-adapters';
import type { EffectiveField } from '@object-transfer/core/config/effective-fields';
import type { Deployment } from '@object-transfer/core/config/field';

/** What `config check` has found. Secrets are in it by name only. */
export interface CheckedSettings {
  readonly module: string;
  readonly deployment: Deployment;
  readonly fields: readonly EffectiveField[];
  /** Names of fields that were given for other modules. */
  readonly passedBy: readonly string[];
  /** Without the queue for a module that has none. */
  readonly adapters: Omit<ChosenAdapters, 'queue'> & Partial<Pick<ChosenAdapters, 'queue'>>;
  /** `holds` says what was found in a secret; `undefined` where it was not read. */
  readonly secrets: readonly { readonly field: string; readonly name: string; readonly holds: string | undefined }[];
  readonly warnings: readonly string[];
}

const ADAPTERS = {
  mysql: 'MySQL',
  sqlite: 'SQLite file',
  pubsub: 'Pub/Sub',
  'secret-manager': 'Secret Manager',
  environment: 'environment and files',
} as const;

const DEFAULTS = { embedded: 'defaults of one machine', fleet: 'defaults of a fleet' } as const;

/** Columns wider than this push what stands behind them aside instead of all other lines. */
const VALUE_WIDTH = 40;

/** One line a field: name, value with unit, origin; then what follows from them, and what was not checked. */
export function formatEffectiveSettings(checked: CheckedSettings): string {
  const { module, deployment, fields, passedBy, adapters, secrets, warnings } = checked;
  const rows = fields.map(({ name, value, unit, from }) => [
    name,
    unit === undefined || value === undefined ? formatValue(value) : `${formatValue(value)} ${unit}`,
    from ?? 'not given',
  ]);
  const nameWidth = Math.max(...rows.map(([name = '']) => name.length));
  const valueWidth = Math.min(VALUE_WIDTH, Math.max(...rows.map(([, value = '']) => value.length)));
  const unread = secrets.filter(({ holds }) => holds === undefined);
  return [
    `${module}: the settings are valid (${DEFAULTS[deployment]})`,
    '',
    ...rows.map(
      ([name = '', value = '', from = '']) => `  ${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${from}`,
    ),
    '',
    ...(passedBy.length === 0 ? [] : [`for other commands: ${passedBy.join(', ')}`]),
    ...Object.entries(adapters).map(([part, adapter]) => `${part}: ${ADAPTERS[adapter]}`),
    ...secrets.map(({ field, name, holds }) => `${field} ${JSON.stringify(name)}: ${holds ?? 'not read'}`),
    ...warnings.map((warning) => `warning: ${warning}`),
    `not checked: ${unread.length > 0 ? 'the secrets (--secrets reads them), and ' : ''}whether buckets, CDN, state and queue are there`,
    '',
  ].join('\n');
}

function formatValue(value: unknown): string {
  if (value === undefined) return '-';
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'string') return JSON.stringify(value);
  // SQL is laid out over several lines.
  const line = value.replaceAll(/\s*\n\s*/g, ' ');
  return line === '' || /^\s|\s$|\p{C}/u.test(line) ? JSON.stringify(line) : line;
}
