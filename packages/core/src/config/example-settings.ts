import { EXAMPLE_CREDENTIALS } from './credentials-payload.ts';
import { fieldPlaceholder, type Deployment, type Field, type RawValue } from './field.ts';
import { FIELDS, type FieldKey } from './fields.ts';
import { fieldsRead, type ModuleFields } from './modules.ts';

const LINE_LENGTH = 100;

/**
 * An annotated file with every field that a module reads: for `--config`, or, for a fleet, the payload of its Datastore
 * entity. What must be given stands there with a placeholder, all else as a comment with what holds without it.
 * @returns YAML that can be read as settings once the placeholders are filled in
 */
export function exampleSettings(module: ModuleFields, deployment: Deployment): string {
  const read = fieldsRead(module);
  const keys = (Object.keys(FIELDS) as FieldKey[]).filter((key) => read.has(key));
  const required = keys.filter(
    (key) => module.required.includes(key) || (deployment === 'fleet' && module.fleetRequired.includes(key)),
  );
  const optional = keys.filter((key) => !required.includes(key));
  const takesCredentials = read.has('credentialsSecretId');
  return [
    ...heading(module, deployment),
    '',
    ...(required.length > 0 ? ['# Required.', ''] : []),
    ...required.flatMap((key) => fieldLines(FIELDS[key], undefined, '')),
    '# Optional, with what holds where they are left out.',
    '',
    ...optional.flatMap((key) => {
      const field: DocumentedField = FIELDS[key];
      return fieldLines(field, module.defaulted.includes(key) ? field.defaults[deployment] : undefined, '# ');
    }),
    ...(takesCredentials ? credentialLines() : []),
  ].join('\n');
}

function heading(module: ModuleFields, deployment: Deployment): readonly string[] {
  const lines =
    deployment === 'fleet'
      ? [
          `Payload of the Datastore entity for: object-transfer ${module.name} --config-key KIND/NAME --gcp-project PROJECT`,
          'One property a field. Check this file with:',
          `object-transfer config check ${module.name} --fleet --config FILE`,
        ]
      : [`object-transfer ${module.name} --config FILE`, 'Every field has a flag, too, which wins over this file.'];
  return lines.map(asComment);
}

type DocumentedField = Pick<Field<unknown>, 'name' | 'description' | 'valueName' | 'defaults'>;

function fieldLines(field: DocumentedField, value: RawValue | undefined, mark: '' | '# '): readonly string[] {
  const written = value === undefined ? fieldPlaceholder(field) : yamlValue(value);
  return [...wrap(capitalized(field.description)), `${mark}${field.name}: ${written}`, ''];
}

/** In the flow style, which YAML shares with JSON. */
function yamlValue(value: RawValue): string {
  return typeof value === 'string' && /^(?:[A-Za-z][\w./-]*|\{\})$/.test(value) ? value : JSON.stringify(value);
}

function credentialLines(): readonly string[] {
  return [
    'Payload of the secret that credentials_secret_id names. Empty AWS keys mean that the default chain of AWS is asked.',
    'mysql_config also takes port (3306) and ssl_ca (PEM text); aws_session_token belongs to temporary keys.',
    ...JSON.stringify(EXAMPLE_CREDENTIALS, undefined, 2).split('\n'),
    '',
  ].map(asComment);
}

function asComment(line: string): string {
  return line === '' ? '' : `# ${line}`;
}

function capitalized(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > LINE_LENGTH) {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
