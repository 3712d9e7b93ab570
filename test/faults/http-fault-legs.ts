import type { ProxiedRequest } from './http-fault-proxy.ts';

export type Service = 's3' | 'cdn' | 'gcs';

/** What a request is for. */
export type Leg =
  | 'cdn get'
  | 's3 list'
  | 's3 head'
  | 's3 get'
  | 'gcs insert'
  | 'gcs start of a session'
  | 'gcs session'
  | 'gcs compose'
  | 'gcs rewrite'
  | 'gcs get'
  | 'gcs list'
  | 'gcs patch'
  | 'gcs delete';

export function legOf(service: Service, { method, target }: ProxiedRequest): Leg {
  switch (service) {
    case 'cdn':
      return 'cdn get';
    case 's3':
      if (method === 'HEAD') return 's3 head';
      return target.includes('list-type=2') ? 's3 list' : 's3 get';
    case 'gcs':
      return gcsLegOf(method, target);
  }
}

function gcsLegOf(method: string, target: string): Leg {
  if (target.startsWith('/upload/')) {
    if (target.includes('upload_id=')) return 'gcs session';
    return target.includes('uploadType=resumable') ? 'gcs start of a session' : 'gcs insert';
  }
  if (method === 'DELETE') return 'gcs delete';
  if (method === 'PATCH') return 'gcs patch';
  if (method === 'POST') return target.includes('/compose') ? 'gcs compose' : 'gcs rewrite';
  return /\/o(?:\?|$)/.test(target) ? 'gcs list' : 'gcs get';
}
