import type { Policies } from '../../contracts/data/policy.ts'
import type { RuleBook, VendorRegister } from '../../contracts/data/rule.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import { nearest } from './nearest.ts'

/** What no single document can know: whether the documents fit each other. An `error` stops every run; a `warning` is worth a look. */
export interface CatalogProblem {
  readonly severity: 'error' | 'warning'
  /** `rule gtin-normalize`, `vendor acme`, `standard product` … */
  readonly subject: string
  readonly message: string
  readonly owner: string
}

export interface CatalogDocuments {
  readonly standards: readonly Standard[]
  readonly rules: RuleBook
  readonly vendors: VendorRegister
  readonly policies?: Policies
}

/** Stands for every region, in rules and for vendors that need none. */
export const everyRegion = '*'

/** Every misfit between the documents, in the order of the documents. Expression syntax is the compiler's to check. */
export function checkCatalog({ standards, rules, vendors, policies }: CatalogDocuments): CatalogProblem[] {
  return [
    ...standards.flatMap(checkStandard),
    ...checkRules(standards, rules),
    ...checkRegions(rules, vendors),
    ...(policies
      ? [...checkPolicies(policies), ...standards.flatMap(standard => checkSemantics(standard, policies))]
      : []),
  ]
}

function checkStandard(standard: Standard): CatalogProblem[] {
  const error = problem('error', `standard ${standard.name}`, standard.owner)
  const names = standard.columns.map(column => column.name)
  const known = new Set(names)
  const found = [
    ...repeated(names).map(name => error(`column ${name} is there twice`)),
    ...standard.key.filter(name => !known.has(name)).map(name => error(`key column ${unknown(name, known)}`)),
    ...repeated(standard.key).map(name => error(`key column ${name} is there twice`)),
    ...standard.columns
      .filter(column => column.valuePattern !== undefined && !isPattern(column.valuePattern))
      .map(column => error(`valuePattern of ${column.name} is no regular expression: ${column.valuePattern}`)),
  ]
  return [...found, ...synonymClashes(standard)]
}

/** A name that two columns claim decides nothing; one that a column both claims and excludes decides the wrong thing. */
function synonymClashes(standard: Standard): CatalogProblem[] {
  const plain = (name: string) =>
    name
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, ' ')
      .trim()
  const claims = new Map<string, string>()
  const found: CatalogProblem[] = []
  for (const column of standard.columns) {
    const names = new Set([column.name, ...Object.values(column.synonyms).flat()].map(plain))
    const excluded = new Set(column.antonyms.map(plain))
    for (const name of names) {
      const other = claims.get(name)
      const subject = `standard ${standard.name}`
      if (other)
        found.push(
          problem('warning', subject, standard.owner)(`"${name}" is a synonym of ${other} and of ${column.name}`),
        )
      if (excluded.has(name)) {
        found.push(problem('error', subject, standard.owner)(`"${name}" is both synonym and antonym of ${column.name}`))
      }
      claims.set(name, column.name)
    }
  }
  return found
}

function checkRules(standards: readonly Standard[], rules: RuleBook): CatalogProblem[] {
  const columns = new Set(standards.flatMap(standard => standard.columns.map(column => column.name)))
  const checks = [...standards.flatMap(standard => standard.checks), ...rules.checks]
  const ids = [...checks, ...rules.normalization].map(rule => rule.id)
  return [
    ...repeated(ids).map(id => problem('error', `rule ${id}`, rules.owner)('this id is there twice')),
    ...[...checks, ...rules.normalization].flatMap(rule =>
      rule.column === undefined || columns.has(rule.column)
        ? []
        : [problem('error', `rule ${rule.id}`, rule.owner)(`column ${unknown(rule.column, columns)}`)],
    ),
    ...checks
      .filter(rule => rule.scope === 'table' && rule.severity === 'reject')
      .map(rule =>
        problem('error', `rule ${rule.id}`, rule.owner)('a table has no row to reject: severity warn or refuse'),
      ),
  ]
}

/** A region is known when a rule names it: a mistyped one, on either side, leaves values to the rules for every region. */
function checkRegions(rules: RuleBook, vendors: VendorRegister): CatalogProblem[] {
  const ruled = new Set(rules.normalization.map(rule => rule.region).filter(region => region !== everyRegion))
  const entries = [['default', vendors.default] as const, ...Object.entries(vendors.vendors)]
  const used = new Set(entries.flatMap(([, entry]) => entry.region ?? []))
  const vendorProblems = entries.flatMap(([name, { region, owner }]) =>
    ruled.size === 0 || region === undefined || region === everyRegion || ruled.has(region)
      ? []
      : [
          problem(
            'warning',
            `vendor ${name}`,
            owner ?? vendors.default.owner,
          )(`region ${unknown(region, ruled)}; ${everyRegion} stands for a vendor without regional rules`),
        ],
  )
  const idle = [...ruled].filter(region => !used.has(region))
  return [
    ...vendorProblems,
    ...idle.map(region => problem('warning', `region ${region}`, rules.owner)('no vendor has it')),
  ]
}

function checkPolicies({ autonomy, discovery, spending }: Policies): CatalogProblem[] {
  const found: CatalogProblem[] = []
  const { askConfidence, acceptConfidence } = autonomy.mapping
  if (askConfidence > acceptConfidence) {
    const error = problem('error', 'policy autonomy', autonomy.owner)
    found.push(error(`mapping.askConfidence ${askConfidence} is above mapping.acceptConfidence ${acceptConfidence}`))
  }
  for (const { name, pattern } of discovery.semantics) {
    const error = problem('error', 'policy discovery', discovery.owner)
    if (!isPattern(pattern)) found.push(error(`pattern of ${name} is no regular expression: ${pattern}`))
  }
  if (spending.retry.firstDelayMs > spending.retry.maxDelayMs) {
    found.push(problem('error', 'policy spending', spending.owner)('retry.firstDelayMs is above retry.maxDelayMs'))
  }
  return found
}

/** A kind of values that discovery never finds is no evidence for anything. */
function checkSemantics(standard: Standard, { discovery }: Policies): CatalogProblem[] {
  const kinds = new Set(discovery.semantics.map(({ name }) => name))
  const warning = problem('warning', `standard ${standard.name}`, standard.owner)
  return standard.columns.flatMap(({ name, semantics }) =>
    semantics
      .filter(kind => !kinds.has(kind))
      .map(kind => warning(`${name} names a kind of values: ${unknown(kind, kinds)}`)),
  )
}

const problem =
  (severity: CatalogProblem['severity'], subject: string, owner: string) =>
  (message: string): CatalogProblem => ({ severity, subject, message, owner })

function unknown(name: string, known: ReadonlySet<string>): string {
  const meant = nearest(name, known)
  return `${name} is unknown: ${meant ? `did you mean ${meant}?` : `known are ${[...known].join(', ')}`}`
}

const repeated = (names: readonly string[]): string[] => [
  ...new Set(names.filter((name, at) => names.indexOf(name) !== at)),
]

function isPattern(text: string): boolean {
  try {
    new RegExp(text, 'u')
    return true
  } catch {
    return false
  }
}
