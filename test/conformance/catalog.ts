import { describe, expect, test } from 'vitest'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { Mapping } from '../../contracts/data/mapping.ts'
import type { Policies } from '../../contracts/data/policy.ts'
import type { RuleBook, VendorRegister } from '../../contracts/data/rule.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import type { Catalog } from '../../src/catalog/catalog.ts'
import { failureCode } from '../catalog/documents.ts'

/** What people own, as a twin is given it before the suite looks at it. */
export interface OwnedDocuments {
  readonly standards: readonly Standard[]
  readonly rules: readonly RuleBook[]
  readonly vendors: VendorRegister
  readonly policies: Policies
}

export interface CatalogUnderTest {
  readonly catalog: Catalog
  /** A second handle on the same content, as another process has it. */
  open(): Promise<Catalog>
  /** Puts other owned documents in place of the first, as a person does between two runs. */
  replace(documents: OwnedDocuments): Promise<void>
}

export interface CatalogSuite {
  readonly make: (documents: OwnedDocuments) => Promise<CatalogUnderTest>
  readonly owned: OwnedDocuments
  readonly contract: FeedContract
  readonly mapping: Mapping
}

/** The promises of `Catalog`, for every twin. `contract` and `mapping` are version 1 of one feed. */
export function catalogConformance(name: string, { make, owned, contract, mapping }: CatalogSuite): void {
  const feed = { vendor: contract.vendor, table: contract.table }
  const versions = [
    {
      word: 'contract',
      first: contract,
      put: (catalog: Catalog, document: { version: number }) => catalog.putContract({ ...contract, ...document }),
      get: (catalog: Catalog, version?: number) => catalog.contract(feed, version),
      list: (catalog: Catalog) => catalog.contracts(),
    },
    {
      word: 'mapping',
      first: mapping,
      put: (catalog: Catalog, document: { version: number }) => catalog.putMapping({ ...mapping, ...document }),
      get: (catalog: Catalog, version?: number) => catalog.mapping(feed, version),
      list: (catalog: Catalog) => catalog.mappings(),
    },
  ]

  describe(`catalog ${name}`, () => {
    test('the owned documents come back as they were given', async () => {
      const { catalog } = await make(owned)
      const [standard] = owned.standards
      expect(await catalog.standard()).toEqual(standard)
      expect(await catalog.standard(standard!.name)).toEqual(standard)
      expect(await catalog.vendors()).toEqual(owned.vendors)
      expect(await catalog.policies()).toEqual(owned.policies)
      const { normalization, checks } = await catalog.rules()
      expect(normalization).toEqual(owned.rules.flatMap(book => book.normalization))
      expect(checks).toEqual(owned.rules.flatMap(book => book.checks))
    })

    test('a standard that is not there: STANDARD_MISSING, naming those that are', async () => {
      const { catalog } = await make(owned)
      await expect(catalog.standard('unheard_of')).rejects.toThrow(owned.standards[0]!.name)
      expect(await failureCode(catalog.standard('unheard_of'))).toBe('STANDARD_MISSING')
    })

    test('a rule for a column that no standard has: RULE_INVALID, with the owner of the rule', async () => {
      const rule = { id: 'astray', column: 'unheard_of', region: '*', expression: 'value', owner: 'its-owner' }
      const { catalog } = await make({
        ...owned,
        rules: [{ kind: 'rules', owner: 'x', normalization: [rule], checks: [] }],
      })
      await expect(catalog.rules()).rejects.toMatchObject({ code: 'RULE_INVALID', owner: 'its-owner' })
    })

    test('a changed rule is in force at once and changes the digest', async () => {
      const { catalog, replace } = await make(owned)
      const before = await catalog.digest()
      const rules = owned.rules.map(book => ({ ...book, checks: [] }))
      await replace({ ...owned, rules })
      expect((await catalog.rules()).checks).toEqual([])
      expect(await catalog.digest()).not.toBe(before)
    })

    test('a changed definition or synonym leaves the digest as it is', async () => {
      const { catalog, replace } = await make(owned)
      const before = await catalog.digest()
      const standards = owned.standards.map(standard => ({
        ...standard,
        description: 'reworded',
        columns: standard.columns.map(column => ({
          ...column,
          definition: 'reworded',
          synonyms: { en: ['reworded'] },
        })),
      }))
      await replace({ ...owned, standards })
      expect((await catalog.standard()).description).toBe('reworded')
      expect(await catalog.digest()).toBe(before)
    })

    test("a vendor's facts govern that vendor only", async () => {
      const { catalog, replace } = await make(owned)
      const digests = async () => [await catalog.digest(), await catalog.digest('acme'), await catalog.digest('other')]
      const [all, acme, other] = await digests()
      await replace({ ...owned, vendors: { ...owned.vendors, vendors: { acme: { currency: 'SEK' } } } })
      const [allAfter, acmeAfter, otherAfter] = await digests()
      expect([allAfter, otherAfter]).toEqual([all, other])
      expect(acmeAfter).not.toBe(acme)
    })

    test('what is returned cannot be changed by who reads it', async () => {
      const { catalog } = await make(owned)
      const standard = await catalog.standard()
      expect(() => standard.columns.pop()).toThrow(TypeError)
      expect(await catalog.standard()).toEqual(owned.standards[0])
    })

    describe.each(versions)('$word versions', ({ first, put, get, list }) => {
      test('nothing there: undefined, and an empty list', async () => {
        const { catalog } = await make(owned)
        expect(await get(catalog)).toBeUndefined()
        expect(await get(catalog, 1)).toBeUndefined()
        expect(await list(catalog)).toEqual([])
      })

      test('a version that is put is read back equal, also by another process', async () => {
        const { catalog, open } = await make(owned)
        expect(await put(catalog, first)).toBe('written')
        expect(await get(catalog)).toEqual(first)
        expect(await get(await open(), first.version)).toEqual(first)
      })

      test('the latest is the highest number, also past nine', async () => {
        const { catalog } = await make(owned)
        for (const version of [1, 2, 9, 10]) await put(catalog, { ...first, version })
        expect((await get(catalog))?.version).toBe(10)
        expect((await get(catalog, 2))?.version).toBe(2)
        expect(await get(catalog, 3)).toBeUndefined()
        expect(await list(catalog)).toEqual([1, 2, 9, 10].map(version => ({ ...feed, version })))
      })

      test('the same version with the same content: unchanged, the time of making aside', async () => {
        const { catalog } = await make(owned)
        await put(catalog, first)
        expect(await put(catalog, { ...first, createdAt: '2030-01-01T00:00:00Z' } as typeof first)).toBe('unchanged')
        expect(await get(catalog)).toEqual(first)
      })

      test('the same version with other content: CONTRACT_VERSION_TAKEN, and the first stands', async () => {
        const { catalog } = await make(owned)
        await put(catalog, first)
        const other = { ...first, owner: 'somebody-else' }
        expect(await failureCode(put(catalog, other))).toBe('CONTRACT_VERSION_TAKEN')
        expect(await get(catalog)).toEqual(first)
      })

      test('two writers of one version at the same moment: one wins, the other is told, nobody sees a mixture', async () => {
        const { catalog, open } = await make(owned)
        const writers = [catalog, ...(await Promise.all(Array.from({ length: 7 }, open)))]
        const ended = await Promise.allSettled(
          writers.map((writer, at) => put(writer, { ...first, owner: `writer-${at}` } as typeof first)),
        )
        const winners = ended.flatMap((end, at) => (end.status === 'fulfilled' ? [at] : []))
        expect(winners).toHaveLength(1)
        expect(await get(catalog)).toEqual({ ...first, owner: `writer-${winners[0]}` })
      })

      test('a document that fits no schema: DOCUMENT_INVALID, and nothing is written', async () => {
        const { catalog } = await make(owned)
        const broken = { ...first, owner: '' }
        expect(await failureCode(put(catalog, broken))).toBe('DOCUMENT_INVALID')
        expect(await list(catalog)).toEqual([])
      })

      test('a feed whose name leads elsewhere: DOCUMENT_INVALID', async () => {
        const { catalog } = await make(owned)
        const astray = { ...first, table: '../../standards' }
        expect(await failureCode(put(catalog, astray))).toBe('DOCUMENT_INVALID')
      })
    })
  })
}
