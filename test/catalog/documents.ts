import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { Mapping } from '../../contracts/data/mapping.ts'
import type { RuleBook, VendorRegister } from '../../contracts/data/rule.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import { asFailure, type FailureCode } from '../../contracts/failures.ts'

/** The catalog that the example has and every new workspace starts from. */
export const shippedCatalog = fileURLToPath(new URL('../../examples/product/catalog', import.meta.url))

export const failureCode = (promise: Promise<unknown>): Promise<FailureCode | 'no failure'> =>
  promise.then(
    () => 'no failure' as const,
    (error: unknown) => asFailure(error).code,
  )

/** A folder of its own for a test, with these files; it is gone after the tests of the file. */
export async function folderWith(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'catalog-'))
  folders.push(root)
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  return root
}
const folders: string[] = []
afterAll(() => Promise.all(folders.map(folder => rm(folder, { recursive: true, force: true }))))

export const standard: Standard = {
  kind: 'standard',
  name: 'thing',
  version: '1.0.0',
  owner: 'data-office',
  description: 'a small standard',
  columns: [
    {
      name: 'thing_id',
      type: 'string',
      required: true,
      definition: 'its number',
      synonyms: { en: ['sku'] },
      antonyms: [],
      semantics: [],
    },
    {
      name: 'amount',
      type: 'decimal(18,4)',
      required: false,
      definition: 'its price',
      synonyms: {},
      antonyms: ['cost'],
      semantics: ['money'],
    },
  ],
  key: ['thing_id'],
  checks: [],
}

export const rules: RuleBook = {
  kind: 'rules',
  owner: 'pricing',
  normalization: [
    { id: 'amount-eu', column: 'amount', region: 'EU', expression: "replace(value, ',', '.')", owner: 'pricing' },
    { id: 'amount', column: 'amount', region: '*', expression: 'value', owner: 'pricing' },
  ],
  checks: [
    {
      id: 'amount-positive',
      scope: 'row',
      column: 'amount',
      expression: 'amount >= 0',
      severity: 'reject',
      toleratedFraction: 0,
      message: 'negative',
      owner: 'pricing',
    },
  ],
}

export const vendors: VendorRegister = {
  kind: 'vendors',
  default: { region: 'EU', currency: 'EUR', owner: 'onboarding', deliveryMode: 'delta' },
  vendors: { acme: { deliveryMode: 'full' } },
  patterns: [],
}

export const contract: FeedContract = {
  vendor: 'acme',
  table: 'things',
  version: 1,
  status: 'active',
  owner: 'acme-buyers',
  deliveryMode: 'full',
  format: {
    kind: 'delimited',
    encoding: 'utf-8',
    compression: 'none',
    delimiter: ';',
    quote: '"',
    escape: '"',
    lineTerminator: 'lf',
    preambleLines: 0,
    headerRows: 1,
    trailerLines: 0,
  },
  nullTokens: ['n/a'],
  columns: [
    { name: 'art_nr', sourceName: 'Art.-Nr.', type: 'string', nullable: false, semantic: 'identifier' },
    {
      name: 'preis',
      sourceName: 'Preis',
      type: 'decimal(9,2)',
      nullable: true,
      format: { kind: 'number', decimal: ',', group: '.' },
    },
  ],
  keys: [{ kind: 'primary', columns: ['art_nr'], evidence: 'no value repeats', confidence: 0.9 }],
  partitionCandidates: [],
  rowCount: 3,
  sizeBytes: 120,
  quality: [],
  confidence: 0.9,
  checks: [],
  createdAt: '2026-01-12T08:00:00Z',
  createdFrom: { deliveryId: 'd1', file: 'landing/acme/things.csv' },
}

export const mapping: Mapping = {
  vendor: 'acme',
  table: 'things',
  version: 1,
  owner: 'acme-buyers',
  standard: { name: 'thing', version: '1.0.0' },
  contractVersion: 1,
  region: 'EU',
  columns: [
    {
      column: 'thing_id',
      expression: 'art_nr',
      sourceColumns: ['art_nr'],
      status: 'accepted',
      step: 'evidence',
      confidence: 0.93,
      evidence: [{ kind: 'synonym', detail: 'Art.-Nr.', weight: 2.5 }],
      candidates: [],
    },
  ],
  createdAt: '2026-01-12T08:00:00Z',
}
