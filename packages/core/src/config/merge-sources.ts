import type { SettingsSource } from '../ports/settings-source.ts';

/** A source that can tell more precisely where a field stands: `config.yaml line 7`. */
export interface LocatingSettingsSource extends SettingsSource {
  /** For error messages, once the settings have been read. */
  locate(name: string): string;
}

export interface GivenValue {
  /** As written; `undefined` where the field was given without a value. */
  readonly value: unknown;
  /** Where it was given, for error messages. */
  readonly from: string;
  /** What becomes of it where no field has this name. */
  readonly ifUnknown: SettingsSource['unknownFields'];
}

export type GivenValues = ReadonlyMap<string, GivenValue>;

/**
 * Joins what the sources give: the first source that names a field wins, even where it names it to leave it empty. An
 * empty value counts as none, as entities of the reference tool write it.
 * @throws ConfigurationError `CONFIG_UNREADABLE`
 */
export async function mergeSources(sources: readonly SettingsSource[]): Promise<GivenValues> {
  const merged = new Map<string, GivenValue>();
  for (const source of sources) {
    const settings = await source.readSettings();
    for (const [name, value] of Object.entries(settings)) {
      if (value === undefined || merged.has(name)) continue;
      const empty = value === null || value === '';
      const from = locate(source, name);
      merged.set(name, { value: empty ? undefined : value, from, ifUnknown: source.unknownFields });
    }
  }
  return merged;
}

function locate(source: SettingsSource | LocatingSettingsSource, name: string): string {
  return 'locate' in source ? source.locate(name) : source.description;
}
