import type { Feed } from '../../contracts/data/common.ts'
import type { ContractRef, FeedContract } from '../../contracts/data/feed-contract.ts'
import type { Mapping, MappingRef } from '../../contracts/data/mapping.ts'
import type { Policies } from '../../contracts/data/policy.ts'
import type { RuleBook, VendorRegister } from '../../contracts/data/rule.ts'
import type { Standard } from '../../contracts/data/standard.ts'

/** What a put did: `written`, or `unchanged` where that version already says the same. */
export type PutResult = 'written' | 'unchanged'

/**
 * The metadata catalog: what people own (standards, rules, vendors, policies) and what agents add to it, a version at a time
 * (contracts, mappings). Files in a folder now; any metadata server that keeps these promises fits behind the same interface.
 *
 * 1. A reader sees a document as it stands at the time of the call: what a person changed is in force for the next run.
 * 2. What is returned is parsed, checked and frozen. An invalid document is a Failure that says where it is wrong and whose it is.
 * 3. A version of a contract or mapping never changes. Of two writers of one version, one wins and the other is told.
 * 4. A put that ends is durable, and it is seen by every later read.
 */
export interface Catalog {
  /** The standard of that name; without a name the only one. @throws Failure STANDARD_MISSING, naming those that are there. */
  standard(name?: string): Promise<Standard>
  /** All rule books as one, in the order of their names. @throws Failure RULE_INVALID where a rule names what no standard has. */
  rules(): Promise<RuleBook>
  vendors(): Promise<VendorRegister>
  policies(): Promise<Policies>

  /** That version, or the latest; undefined where there is none. */
  contract(feed: Feed, version?: number): Promise<FeedContract | undefined>
  /** Every version of every feed, by feed and version. */
  contracts(): Promise<ContractRef[]>
  /** Adds a version. @throws Failure CONTRACT_VERSION_TAKEN where that version says something else; time of making aside. */
  putContract(contract: FeedContract): Promise<PutResult>

  /** That version, or the latest; undefined where there is none. */
  mapping(feed: Feed, version?: number): Promise<Mapping | undefined>
  mappings(): Promise<MappingRef[]>
  /** Adds a version. @throws Failure CONTRACT_VERSION_TAKEN as `putContract`. */
  putMapping(mapping: Mapping): Promise<PutResult>

  /**
   * Digest (sha256, hex) of what governs core rows besides mapping and contract: the standard's columns, key and checks, the rules,
   * and the vendor's facts where a vendor is named. Definitions, synonyms and comments leave it as it is: they change no row.
   */
  digest(vendor?: string): Promise<string>
}

/** What the register knows of a vendor, its default standing in for what it does not say. */
export type VendorFacts = VendorRegister['default']

export function vendorFacts(register: VendorRegister, vendor: string): VendorFacts {
  const own = Object.hasOwn(register.vendors, vendor) ? register.vendors[vendor] : undefined
  return {
    region: own?.region ?? register.default.region,
    currency: own?.currency ?? register.default.currency,
    owner: own?.owner ?? register.default.owner,
    deliveryMode: own?.deliveryMode ?? register.default.deliveryMode,
  }
}
