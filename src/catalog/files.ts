import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { z } from 'zod'
import type { Feed } from '../../contracts/data/common.ts'
import { type ContractRef, FeedContract } from '../../contracts/data/feed-contract.ts'
import { Mapping, type MappingRef } from '../../contracts/data/mapping.ts'
import { ModelPolicy } from '../../contracts/data/model.ts'
import {
  AutonomyPolicy,
  ComputePolicy,
  DiscoveryPolicy,
  MaintenancePolicy,
  type Policies,
  SpendingPolicy,
} from '../../contracts/data/policy.ts'
import { RuleBook, VendorRegister } from '../../contracts/data/rule.ts'
import { Standard } from '../../contracts/data/standard.ts'
import { Failure } from '../../contracts/failures.ts'
import type { Catalog, PutResult } from './catalog.ts'
import { checkCatalog } from './checks.ts'
import { contractText, parseContract } from './contract-file.ts'
import { governingDigest } from './digest.ts'
import { checkDocument, parseDocument } from './document.ts'
import { DocumentCache, missingAsUndefined } from './document-cache.ts'
import { type FileKind, VersionStore } from './version-store.ts'

const contractFiles: FileKind<FeedContract> = {
  word: 'contract',
  file: version => `contract.v${version}.odcs.yaml`,
  pattern: /^contract\.v([1-9][0-9]{0,8})\.odcs\.yaml$/,
  parse: parseContract,
  text: contractText,
  check: document => checkDocument(FeedContract, document, 'contract'),
}

const mappingFiles: FileKind<Mapping> = {
  word: 'mapping',
  file: version => `mapping.v${version}.yaml`,
  pattern: /^mapping\.v([1-9][0-9]{0,8})\.yaml$/,
  parse: (text, name) => parseDocument(Mapping, text, name),
  text: mapping => stringify(mapping, { lineWidth: 120 }),
  check: document => checkDocument(Mapping, document, 'mapping'),
}

/**
 * The catalog as YAML files in a folder, kept in git by the people who own it.
 * ```
 * standards/*.yaml                              one Standard each
 * rules/*.yaml                                  one RuleBook each, merged by file name
 * vendors.yaml                                  VendorRegister
 * policies/{autonomy,discovery,spending,compute}.yaml, model.yaml where a language model may be asked,
 *                                               maintenance.yaml where tables are maintained
 * feeds/<vendor>/<table>/contract.vN.odcs.yaml  FeedContract in ODCS form
 * feeds/<vendor>/<table>/mapping.vN.yaml        Mapping
 * ```
 * It writes below `feeds/` only. A broken document fails the calls that need it and no other: one feed's mapping stops no other feed.
 */
export class FileCatalog implements Catalog {
  readonly #root: string
  readonly #cache: DocumentCache
  readonly #contracts: VersionStore<FeedContract>
  readonly #mappings: VersionStore<Mapping>

  /** `root` is the catalog's folder. Nothing is read before the first call. */
  constructor(root: string) {
    this.#root = root
    this.#cache = new DocumentCache(root)
    this.#contracts = new VersionStore(root, this.#cache, contractFiles)
    this.#mappings = new VersionStore(root, this.#cache, mappingFiles)
  }

  async standard(name?: string): Promise<Standard> {
    const standards = await this.#standards()
    const [first, ...others] = name === undefined ? standards : standards.filter(standard => standard.name === name)
    if (first && others.length === 0) return first
    const known = standards.map(standard => standard.name).join(', ') || 'none'
    const wanted = name === undefined ? 'No standard is named and there is not exactly one' : `Not one standard ${name}`
    throw new Failure('STANDARD_MISSING', `${wanted}; catalog/standards has: ${known}`)
  }

  async rules(): Promise<RuleBook> {
    const [standards, rules, vendors] = await Promise.all([this.#standards(), this.#ruleBook(), this.vendors()])
    const errors = checkCatalog({ standards, rules, vendors }).filter(problem => problem.severity === 'error')
    const [first] = errors
    if (!first) return rules
    const sentences = errors.slice(0, 3).map(({ subject, message }) => `${subject}: ${message}`)
    const more = errors.length > 3 ? `; and ${errors.length - 3} more` : ''
    throw new Failure('RULE_INVALID', sentences.join('; ') + more, { owner: first.owner })
  }

  vendors(): Promise<VendorRegister> {
    return this.#required('vendors.yaml', VendorRegister)
  }

  async policies(): Promise<Policies> {
    const [autonomy, discovery, spending, compute, model, maintenance] = await Promise.all([
      this.#required('policies/autonomy.yaml', AutonomyPolicy),
      this.#required('policies/discovery.yaml', DiscoveryPolicy),
      this.#required('policies/spending.yaml', SpendingPolicy),
      this.#required('policies/compute.yaml', ComputePolicy),
      this.#optional('policies/model.yaml', ModelPolicy),
      this.#optional('policies/maintenance.yaml', MaintenancePolicy),
    ])
    return { autonomy, discovery, spending, compute, ...(model && { model }), ...(maintenance && { maintenance }) }
  }

  contract(feed: Feed, version?: number): Promise<FeedContract | undefined> {
    return this.#contracts.get(feed, version)
  }

  contracts(): Promise<ContractRef[]> {
    return this.#contracts.list()
  }

  putContract(contract: FeedContract): Promise<PutResult> {
    return this.#contracts.put(contract)
  }

  mapping(feed: Feed, version?: number): Promise<Mapping | undefined> {
    return this.#mappings.get(feed, version)
  }

  mappings(): Promise<MappingRef[]> {
    return this.#mappings.list()
  }

  putMapping(mapping: Mapping): Promise<PutResult> {
    return this.#mappings.put(mapping)
  }

  async digest(vendor?: string): Promise<string> {
    const [standards, rules, register] = await Promise.all([this.#standards(), this.rules(), this.vendors()])
    return governingDigest(standards, rules, register, vendor)
  }

  #standards(): Promise<Standard[]> {
    return this.#all('standards', Standard)
  }

  async #ruleBook(): Promise<RuleBook> {
    const books = await this.#all('rules', RuleBook)
    return {
      kind: 'rules',
      owner: [...new Set(books.map(book => book.owner))].join(', ') || 'nobody',
      normalization: books.flatMap(book => book.normalization),
      checks: books.flatMap(book => book.checks),
    }
  }

  /** Every YAML document of a folder, by file name. */
  async #all<S extends z.ZodType>(folder: string, schema: S): Promise<z.output<S>[]> {
    const names = (await missingAsUndefined(readdir(join(this.#root, folder)))) ?? []
    const documents = names.filter(name => name.endsWith('.yaml')).sort()
    return Promise.all(documents.map(name => this.#required(`${folder}/${name}`, schema)))
  }

  async #required<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
    const document = await this.#optional(path, schema)
    if (document !== undefined) return document
    throw new Failure('CATALOG_MISSING', `${this.#cache.name(join(this.#root, path))} is not there`)
  }

  #optional<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S> | undefined> {
    return this.#cache.read(join(this.#root, path), (text, name) => parseDocument(schema, text, name))
  }
}
