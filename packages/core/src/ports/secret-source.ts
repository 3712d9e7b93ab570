/** Where secrets come from. Values never reach a log, an error or a metric. */
export interface SecretSource {
  /**
   * @param secretId a name, or whatever form the adapter documents
   * @throws ConfigurationError `CONFIG_SECRET_MISSING` naming the id and where it was looked for
   */
  readSecret(secretId: string): Promise<string>;
}
