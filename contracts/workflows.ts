/**
 * The workflows that are known by their ids: what each answers, and the skill that does its work without a model. A skill is a tool, so
 * that a model may call it too: its arguments are references, and the agents' deterministic steps do the work.
 */
import { z } from 'zod'
import { ColumnType, Count, Fraction } from './data/common.ts'
import { readingTool, writingTool } from './tools/tool.ts'

const Problem = z.strictObject({ file: z.string(), code: z.string(), message: z.string(), wayOut: z.string() })

/** Files of landing as feeds. */
export const DiscoveredFeeds = z.strictObject({
  files: z.array(
    z.strictObject({
      /** Below landing, as the vendor named it. */
      path: z.string(),
      vendor: z.string(),
      table: z.string(),
      format: z.string(),
      columns: z.array(z.strictObject({ name: z.string(), sourceName: z.string(), type: ColumnType })),
      keys: z.array(z.array(z.string())),
      rowCount: Count.nullable(),
      confidence: Fraction,
    }),
  ),
  errors: z.array(Problem),
})
export type DiscoveredFeeds = z.infer<typeof DiscoveredFeeds>

/** Raw tables, by the deliveries that are in them. */
export const BronzeLayer = z.strictObject({
  tables: z.array(z.strictObject({ table: z.string(), files: z.array(z.string()), rows: Count, rowsInError: Count })),
  /** Files whose contract waits for a person. */
  waiting: z.array(z.string()),
  errors: z.array(Problem),
})
export type BronzeLayer = z.infer<typeof BronzeLayer>

/** The enterprise standard's table, by the deliveries that reached it. */
export const ProductCore = z.strictObject({
  table: z.string(),
  rows: Count,
  published: z.array(z.strictObject({ file: z.string(), rows: Count, rejected: Count })),
  refused: z.array(z.strictObject({ file: z.string(), reasons: z.array(z.string()) })),
  waiting: z.array(z.string()),
  errors: z.array(Problem),
})
export type ProductCore = z.infer<typeof ProductCore>

export const skills = {
  discover_feeds: readingTool({
    title: 'Discover feeds',
    description: 'Looks at every file below a folder of landing and says format, columns, types and keys.',
    input: z.strictObject({ folder: z.string().default('.').describe('Path below landing') }),
    output: DiscoveredFeeds,
  }),
  build_bronze: writingTool({
    title: 'Build raw tables',
    description:
      'Takes files of landing in as deliveries, proposes or recalls the contract of each feed, and loads them into raw tables; every bad record goes to the error table.',
    input: z.strictObject({
      files: z.array(z.string()).optional().describe('Paths below landing; left out, everything there'),
    }),
    output: BronzeLayer,
  }),
  build_core: writingTool({
    title: 'Build the product mart',
    description:
      'Maps what the raw tables have onto the product standard of the metadata catalog, checks and reconciles it, and publishes what holds.',
    input: z.strictObject({}),
    output: ProductCore,
  }),
} as const

export const skillsServer = 'skills'

export const knownWorkflows = {
  discover_vendor_feeds: { skill: 'discover_feeds', response: DiscoveredFeeds },
  build_bronze_layer: { skill: 'build_bronze', response: BronzeLayer },
  build_product_core: { skill: 'build_core', response: ProductCore },
} as const satisfies Record<string, { skill: keyof typeof skills; response: z.ZodObject }>

export type KnownWorkflow = keyof typeof knownWorkflows
export type KnownResponse<Id extends KnownWorkflow> = z.output<(typeof knownWorkflows)[Id]['response']>
