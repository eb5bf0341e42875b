import { digest } from './identity.ts'

/** Which documents make core rows what they are: when this changes, settled deliveries are made again. */
export const governance = (documents: { readonly rules: string; readonly mappingVersion: number }): string =>
  digest('governance', documents.rules, String(documents.mappingVersion)).slice(0, 32)
