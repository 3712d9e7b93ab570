import { status } from '@grpc/grpc-js';
import { GrpcError } from '../grpc/grpc-error.ts';
import { parseProjectName, parseSecretName, parseVersionName } from './resource-names.ts';
import type { SecretStore } from './secret-store.ts';
import type { SecretFields, SecretVersion, VersionState } from './secret.ts';

interface Named {
  readonly name: string;
}

interface ListRequest {
  readonly parent: string;
  readonly pageSize: number;
  readonly pageToken: string;
  readonly filter: string;
}

interface CreateSecretRequest {
  readonly parent: string;
  readonly secretId: string;
  readonly secret: SecretFields | null;
}

interface AddSecretVersionRequest {
  readonly parent: string;
  readonly payload: { readonly data: Buffer; readonly dataCrc32c?: string | null } | null;
}

const DEFAULT_PAGE_SIZE = 25_000;

/**
 * The methods of SecretManagerService that this server offers, over a store.
 * @see https://cloud.google.com/secret-manager/docs/reference/rpc/google.cloud.secretmanager.v1
 */
export function secretMethods(store: SecretStore) {
  const version = (name: string): SecretVersion => {
    const id = parseVersionName(name);
    // The service does not tell a secret without versions from no secret at all.
    if (id.version === 'latest' && store.find(id) === undefined) {
      const secret = name.slice(0, name.lastIndexOf('/versions/'));
      throw new GrpcError(status.NOT_FOUND, `Secret [${secret}] not found or has no versions.`);
    }
    return store.get(id).version(id.version);
  };
  const changeState = ({ name }: Named, state: VersionState): object => {
    const changed = version(name);
    changed.changeState(state);
    return changed.describe();
  };
  return {
    CreateSecret: ({ parent, secretId, secret }: CreateSecretRequest) => {
      if (secret === null) throw new GrpcError(status.INVALID_ARGUMENT, 'The secret is missing.');
      const { replication, labels, annotations } = secret;
      return store
        .create({ project: parseProjectName(parent), secretId }, { replication, labels, annotations } as SecretFields)
        .describe();
    },
    GetSecret: ({ name }: Named) => store.get(parseSecretName(name)).describe(),
    ListSecrets: (request: ListRequest) => {
      const { page, ...rest } = onePage(store.ofProject(parseProjectName(request.parent)), request);
      return { secrets: page.map((secret) => secret.describe()), ...rest };
    },
    DeleteSecret: ({ name }: Named) => {
      store.delete(parseSecretName(name));
      return {};
    },
    AddSecretVersion: ({ parent, payload }: AddSecretVersionRequest) => {
      const secret = store.get(parseSecretName(parent));
      return secret.addVersion(payload?.data ?? Buffer.alloc(0), payload?.dataCrc32c ?? undefined).describe();
    },
    GetSecretVersion: ({ name }: Named) => version(name).describe(),
    ListSecretVersions: (request: ListRequest) => {
      const newestFirst = store.get(parseSecretName(request.parent)).versions.toReversed();
      const { page, ...rest } = onePage(newestFirst, request);
      return { versions: page.map((each) => each.describe()), ...rest };
    },
    AccessSecretVersion: ({ name }: Named) => {
      const accessed = version(name);
      return { name: accessed.name, payload: accessed.access() };
    },
    EnableSecretVersion: (request: Named) => changeState(request, 'ENABLED'),
    DisableSecretVersion: (request: Named) => changeState(request, 'DISABLED'),
    DestroySecretVersion: (request: Named) => changeState(request, 'DESTROYED'),
  };
}

/** @throws {GrpcError} INVALID_ARGUMENT, UNIMPLEMENTED for filters */
function onePage<T>(all: readonly T[], { pageSize, pageToken, filter }: ListRequest) {
  if (filter !== '') throw new GrpcError(status.UNIMPLEMENTED, 'This server does not filter lists.');
  if (pageSize < 0 || !/^\d*$/.test(pageToken)) {
    throw new GrpcError(status.INVALID_ARGUMENT, 'The page size or the page token is invalid.');
  }
  const start = Number(pageToken);
  const end = start + (pageSize === 0 ? DEFAULT_PAGE_SIZE : Math.min(pageSize, DEFAULT_PAGE_SIZE));
  return {
    page: all.slice(start, end),
    nextPageToken: end < all.length ? String(end) : '',
    totalSize: all.length,
  };
}
