import {
  createObjectFilter,
  type ObjectFilter,
  type ObjectFilterSettings,
} from '@object-transfer/core/domain/object-filter';

/** The filter of a module's settings, over keys below its root. */
export function filterOf(settings: ObjectFilterSettings & { readonly s3RootPrefix: string }): ObjectFilter {
  return createObjectFilter(settings, settings.s3RootPrefix);
}
