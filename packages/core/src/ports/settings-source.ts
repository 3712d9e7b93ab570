/** Where a module's configuration comes from: flags, a file, a Datastore entity. */
export interface SettingsSource {
  /** For error messages: `config.yaml`, `Datastore entity KIND/NAME`, `command line`. */
  readonly description: string;
  /**
   * Field names as in the reference configuration, values not yet validated.
   * @throws ConfigurationError `CONFIG_UNREADABLE`
   */
  readSettings(): Promise<Readonly<Record<string, unknown>>>;
}
