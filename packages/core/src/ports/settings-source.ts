/** Where a module's configuration comes from: flags, a file, a Datastore entity. */
export interface SettingsSource {
  /** For error messages: `config.yaml`, `Datastore entity KIND/NAME`, `command line`. */
  readonly description: string;
  /**
   * What becomes of a field that the tool does not know. In a file and on the command line it is a mistake that somebody
   * is there to put right; an entity may serve other programs too.
   */
  readonly unknownFields: 'error' | 'warning';
  /**
   * Field names as in the reference configuration, values not yet validated.
   * @throws ConfigurationError `CONFIG_UNREADABLE`
   */
  readSettings(): Promise<Readonly<Record<string, unknown>>>;
}
