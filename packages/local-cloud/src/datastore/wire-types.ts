/**
 * The messages of google.datastore.v1 as they arrive: every field is there, int64 as decimal text, members of a `oneof`
 * only where set, and the `oneof` itself names the member that is.
 * @see https://cloud.google.com/datastore/docs/reference/data/rpc/google.datastore.v1
 */

export interface PartitionId {
  readonly projectId: string;
  readonly databaseId: string;
  readonly namespaceId: string;
}

/** Neither id nor name: incomplete, the server is to choose an id. */
export interface PathElement {
  readonly kind: string;
  readonly id?: string;
  readonly name?: string;
}

export interface Key {
  readonly partitionId: PartitionId | null;
  readonly path: readonly PathElement[];
}

export interface Value {
  readonly valueType?: string;
  readonly excludeFromIndexes: boolean;
  readonly meaning: number;
  readonly nullValue?: string;
  readonly booleanValue?: boolean;
  readonly integerValue?: string;
  readonly doubleValue?: number;
  readonly timestampValue?: Timestamp;
  readonly keyValue?: Key;
  readonly stringValue?: string;
  readonly blobValue?: Buffer;
  readonly geoPointValue?: { readonly latitude: number; readonly longitude: number };
  readonly entityValue?: Entity;
  readonly arrayValue?: { readonly values: readonly Value[] };
}

export interface Timestamp {
  readonly seconds: string;
  readonly nanos: number;
}

export interface Entity {
  readonly key: Key | null;
  readonly properties: Readonly<Record<string, Value>>;
}

/** The database that a request is about: a project's default one has an empty id. */
export interface DatabaseRef {
  readonly projectId: string;
  readonly databaseId: string;
}

export interface ReadOptions {
  readonly transaction?: Buffer;
  readonly newTransaction?: TransactionOptions;
  readonly readTime?: Timestamp;
}

export interface TransactionOptions {
  readonly readOnly?: { readonly readTime: Timestamp | null };
}

export interface Mutation {
  readonly insert?: Entity;
  readonly update?: Entity;
  readonly upsert?: Entity;
  readonly delete?: Key;
  readonly baseVersion?: string;
  readonly updateTime?: Timestamp;
  readonly propertyMask: object | null;
  readonly propertyTransforms: readonly object[];
}

export interface Filter {
  readonly compositeFilter?: { readonly op: string; readonly filters: readonly Filter[] };
  readonly propertyFilter?: {
    readonly property: { readonly name: string } | null;
    readonly op: string;
    readonly value: Value | null;
  };
}

export interface Query {
  readonly kind: readonly { readonly name: string }[];
  readonly projection: readonly { readonly property: { readonly name: string } | null }[];
  readonly filter: Filter | null;
  readonly order: readonly { readonly property: { readonly name: string } | null; readonly direction: string }[];
  readonly distinctOn: readonly object[];
  readonly startCursor: Buffer;
  readonly endCursor: Buffer;
  readonly offset: number;
  readonly limit: { readonly value: number } | null;
  readonly findNearest: object | null;
}
