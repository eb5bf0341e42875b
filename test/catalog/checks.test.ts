import { describe, expect, test } from 'vitest'
import { type CatalogDocuments, checkCatalog } from '../../src/catalog/checks.ts'
import { FileCatalog } from '../../src/catalog/files.ts'
import { rules, shippedCatalog, standard, vendors } from './documents.ts'

const policies = await new FileCatalog(shippedCatalog).policies()
const sound: CatalogDocuments = { standards: [standard], rules, vendors, policies }
const [check, amount] = [rules.checks[0]!, rules.normalization[0]!]
const sentences = (change: Partial<CatalogDocuments>) =>
  checkCatalog({ ...sound, ...change }).map(({ severity, subject, message }) => `${severity} ${subject}: ${message}`)

describe('documents that do not fit each other', () => {
  test('documents that fit: no problem', () => {
    expect(sentences({})).toEqual([])
  })

  test('a key column that the standard does not have, with the nearest', () => {
    expect(sentences({ standards: [{ ...standard, key: ['thing_idd'] }] })).toEqual([
      'error standard thing: key column thing_idd is unknown: did you mean thing_id?',
    ])
  })

  test('two columns of one name', () => {
    expect(sentences({ standards: [{ ...standard, columns: [...standard.columns, standard.columns[1]!] }] })).toContain(
      'error standard thing: column amount is there twice',
    )
  })

  test('a value pattern that is no regular expression', () => {
    const columns = standard.columns.map(column => ({ ...column, valuePattern: '(' }))
    expect(sentences({ standards: [{ ...standard, columns }] })).toHaveLength(2)
  })

  test('one name that two columns claim is a warning; one that a column claims and excludes is an error', () => {
    const [first, second] = [standard.columns[0]!, standard.columns[1]!]
    const claimed = { ...second, synonyms: { en: ['SKU'] } }
    expect(sentences({ standards: [{ ...standard, columns: [first, claimed] }] })).toEqual([
      'warning standard thing: "sku" is a synonym of thing_id and of amount',
    ])
    const torn = { ...second, synonyms: { en: ['Cost'] } }
    expect(sentences({ standards: [{ ...standard, columns: [first, torn] }] })).toEqual([
      'error standard thing: "cost" is both synonym and antonym of amount',
    ])
  })

  test('a check and a normalization rule for columns that no standard has', () => {
    const astray = {
      ...rules,
      checks: [{ ...check, column: 'ammount' }],
      normalization: [{ ...amount, column: 'colour' }],
    }
    expect(sentences({ rules: astray })).toEqual([
      'error rule amount-positive: column ammount is unknown: did you mean amount?',
      'error rule amount-eu: column colour is unknown: known are thing_id, amount',
    ])
  })

  test('one id for two rules, of whatever kind and wherever they stand', () => {
    const checks = [check, { ...check, id: 'amount' }]
    expect(sentences({ rules: { ...rules, checks } })).toEqual(['error rule amount: this id is there twice'])
    expect(sentences({ standards: [{ ...standard, checks: [check] }] })).toEqual([
      'error rule amount-positive: this id is there twice',
    ])
  })

  test('a check of a whole table that would reject rows', () => {
    const checks = [{ ...check, scope: 'table' as const }]
    expect(sentences({ rules: { ...rules, checks } })).toEqual([
      'error rule amount-positive: a table has no row to reject: severity warn or refuse',
    ])
  })

  test('a vendor in a region that no rule names is a warning; * asks for none', () => {
    const of = (region: string) => ({ vendors: { ...vendors, vendors: { acme: { region } } } })
    expect(sentences(of('EV'))).toEqual([
      'warning vendor acme: region EV is unknown: did you mean EU?; * stands for a vendor without regional rules',
    ])
    expect(sentences(of('*'))).toEqual([])
  })

  test('rules of a region that no vendor has are a warning', () => {
    const normalization = [...rules.normalization, { ...amount, id: 'amount-jp', region: 'JP' }]
    expect(sentences({ rules: { ...rules, normalization } })).toEqual(['warning region JP: no vendor has it'])
  })

  test('a kind of values that discovery does not know is a warning', () => {
    const columns = standard.columns.map(column => ({ ...column, semantics: column.name === 'amount' ? ['mony'] : [] }))
    expect(sentences({ standards: [{ ...standard, columns }] })).toEqual([
      'warning standard thing: amount names a kind of values: mony is unknown: did you mean money?',
    ])
  })

  test('thresholds that contradict each other', () => {
    const mapping = { ...policies.autonomy.mapping, askConfidence: 0.9, acceptConfidence: 0.5 }
    const retry = { ...policies.spending.retry, firstDelayMs: 10, maxDelayMs: 1 }
    const torn = {
      ...policies,
      autonomy: { ...policies.autonomy, mapping },
      spending: { ...policies.spending, retry },
    }
    expect(sentences({ policies: torn })).toEqual([
      'error policy autonomy: mapping.askConfidence 0.9 is above mapping.acceptConfidence 0.5',
      'error policy spending: retry.firstDelayMs is above retry.maxDelayMs',
    ])
  })
})
