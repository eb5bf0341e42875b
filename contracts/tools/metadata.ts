import { z } from 'zod'
import { Feed, Owner, Version } from '../data/common.ts'
import { Decision } from '../data/decision.ts'
import { FeedContract } from '../data/feed-contract.ts'
import { Mapping } from '../data/mapping.ts'
import { Policies } from '../data/policy.ts'
import { NormalizationRule, Rule } from '../data/rule.ts'
import { Standard } from '../data/standard.ts'
import { readingTool, writingTool } from './tool.ts'

export const VendorFacts = z.strictObject({
  vendor: z.string(),
  region: z.string(),
  currency: z.string(),
  owner: Owner,
  deliveryMode: z.enum(['full', 'delta']),
})
export type VendorFacts = z.infer<typeof VendorFacts>

export const metadata = {
  get_standard: readingTool({
    title: 'Get the product standard',
    description: 'The canonical model that core tables follow.',
    input: z.strictObject({ name: z.string().default('product') }),
    output: z.strictObject({ standard: Standard }),
  }),
  get_rules: readingTool({
    title: 'Get the rules in force',
    description: 'Normalization rules and quality checks, with a digest of the documents that govern core.',
    input: z.strictObject({ vendor: z.string().optional().describe('Whose facts the digest covers too') }),
    output: z.strictObject({
      normalization: z.array(NormalizationRule),
      checks: z.array(Rule),
      /** Changes whenever standard or rules change. */
      digest: z.string(),
    }),
  }),
  get_policies: readingTool({
    title: 'Get the policies',
    description: 'What needs a person, what may be spent, how files are looked at and how compute is sized.',
    input: z.strictObject({}),
    output: z.strictObject({ policies: Policies }),
  }),
  get_vendor: readingTool({
    title: 'Get what is known of a vendor',
    description: 'Region, currency, owner and delivery mode from the vendor register, or the defaults.',
    input: z.strictObject({ vendor: z.string() }),
    output: z.strictObject({ vendor: VendorFacts }),
  }),
  get_contract: readingTool({
    title: 'Get a feed contract',
    description: 'The latest version, or the one named; null when there is none.',
    input: z.strictObject({ feed: Feed, version: Version.optional() }),
    output: z.strictObject({ contract: FeedContract.nullable() }),
  }),
  put_contract: writingTool({
    title: 'Store a feed contract',
    description: 'Adds a version. A stored version never changes; the same document again is accepted.',
    input: z.strictObject({ contract: FeedContract }),
    output: z.strictObject({ version: Version, created: z.boolean() }),
  }),
  list_contracts: readingTool({
    title: 'List feed contracts',
    description: 'The latest version of every feed contract.',
    input: z.strictObject({}),
    output: z.strictObject({
      contracts: z.array(z.strictObject({ feed: Feed, version: Version, owner: Owner, status: z.string() })),
    }),
  }),
  get_mapping: readingTool({
    title: 'Get a mapping',
    description: 'The latest version, or the one named; null when there is none.',
    input: z.strictObject({ feed: Feed, version: Version.optional() }),
    output: z.strictObject({ mapping: Mapping.nullable() }),
  }),
  put_mapping: writingTool({
    title: 'Store a mapping',
    description: 'Adds a version. A stored version never changes; the same document again is accepted.',
    input: z.strictObject({ mapping: Mapping }),
    output: z.strictObject({ version: Version, created: z.boolean() }),
  }),
  list_mappings: readingTool({
    title: 'List mappings',
    description: 'The latest version of every mapping.',
    input: z.strictObject({}),
    output: z.strictObject({ mappings: z.array(z.strictObject({ feed: Feed, version: Version, owner: Owner })) }),
  }),
  record_decisions: writingTool({
    title: 'Record decisions',
    description: 'Keeps judgements with who made them; the same decision id again is accepted.',
    input: z.strictObject({ decisions: z.array(Decision) }),
    output: z.strictObject({ recorded: z.int().min(0) }),
  }),
  recall_decisions: readingTool({
    title: 'Recall decisions',
    description: 'What was decided before for a feed, latest first per question.',
    input: z.strictObject({ feed: Feed }),
    output: z.strictObject({ decisions: z.array(Decision) }),
  }),
} as const
