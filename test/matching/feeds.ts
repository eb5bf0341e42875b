/** Headers as vendors send them, with a type and a few values where those matter, and what each column is; null: nothing in the standard. */
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import { column, contractOf } from '../compiler/contracts.ts'

export type Meaning = readonly [header: string, means: string | null, type?: string, ...samples: string[]]

const money = ['decimal(18,2)', '12.50', '7.99'] as const
const eans = ['string', '4006381333931', '4006381333948'] as const
const links = ['string', 'https://shop.example/1.jpg', 'https://shop.example/2.jpg'] as const

export const feeds: Readonly<Record<string, readonly Meaning[]>> = {
  'a shop system, snake case, with many that look alike': [
    ['sku', 'sku'],
    ['parent_sku', 'parent_id'],
    ['type', null],
    ['categories', 'category'],
    ['images', 'image_url'],
    ['name', 'title'],
    ['description', 'description'],
    ['short_description', 'short_description'],
    ['status', 'status'],
    ['weight', 'weight', ...money],
    ['tax_category_name', null],
    ['price', 'price', ...money],
    ['cost', 'cost', ...money],
    ['special_price', 'sale_price', ...money],
    ['special_price_from', null, 'date', '2025-01-31'],
    ['meta_title', null],
    ['meta_description', null],
    ['manage_stock', null, 'boolean', 'true'],
    ['inventories', 'quantity', 'long', '100'],
    ['related_skus', null],
    ['cross_sell_skus', null],
    ['customer_group_prices', null],
  ],
  'two levels, product and variant, in one row': [
    ['Product Id', null],
    ['Product Title', 'title'],
    ['Product Subtitle', 'short_description'],
    ['Product Description', 'description'],
    ['Product Status', 'status'],
    ['Product Thumbnail', 'image_url', 'string', 'https://shop.example/1.jpg'],
    ['Product Type Id', null],
    ['Product Collection Id', null],
    ['Product Hs Code', null],
    ['Product Weight', null, 'decimal(18,2)', '1.5'],
    ['Variant Title', null],
    ['Variant Sku', 'sku'],
    ['Variant Ean', 'gtin', ...eans],
    ['Variant Hs Code', null],
    ['Variant Manage Inventory', null, 'boolean', 'true'],
    ['Variant Weight', 'weight', ...money],
    ['Variant Price', 'price', ...money],
    ['Variant Option 1 Name', null],
    ['Variant Rank', null, 'long', '0'],
  ],
  'a theme shop, with slashes and brackets': [
    ['Handle', 'parent_id'],
    ['Title', 'title'],
    ['Body (HTML)', 'description'],
    ['Vendor', 'brand'],
    ['Published', 'status', 'boolean', 'true'],
    ['Option1 Name', null],
    ['Variant SKU', 'sku'],
    ['Variant Grams', 'weight', 'long', '200'],
    ['Variant Inventory Qty', 'quantity', 'long', '5'],
    ['Variant Inventory Policy', null],
    ['Variant Price', 'price', ...money],
    ['Variant Compare At Price', null, ...money],
    ['Variant Barcode', 'gtin', ...eans],
    ['Image Src', 'image_url', ...links],
    ['Image Position', null, 'long', '1'],
    ['Image Alt Text', null],
    ['SEO Title', null],
    ['SEO Description', null],
    ['Google Shopping / Google Product Category', 'category'],
    ['Google Shopping / MPN', 'mpn'],
    ['Google Shopping / Custom Label 0', null],
    ['Variant Weight Unit', null],
    ['Cost per item', 'cost', ...money],
  ],
  'an ERP in German': [
    ['ArtNr', 'sku'],
    ['Artikel-Bezeichnung', 'title'],
    ['EAN', 'gtin', ...eans],
    ['Hersteller', 'brand'],
    ['VK', 'price', ...money],
    ['Gewicht (kg)', 'weight', ...money],
    ['Lagerbestand', 'quantity', 'long', '7'],
    ['Warengruppe', 'category'],
    ['Langtext', 'description'],
  ],
  'French, with accents': [
    ['Référence', 'sku'],
    ['Désignation', 'title'],
    ['Prix', 'price', ...money],
    ['Marque', 'brand'],
    ['Code-barres', 'gtin', ...eans],
    ['Poids (kg)', 'weight', ...money],
    ['Catégorie', 'category'],
  ],
  'camel case': [
    ['itemNumber', 'sku'],
    ['productName', 'title'],
    ['listPrice', 'price', ...money],
    ['stockQuantity', 'quantity', 'long', '5'],
    ['lastModified', 'updated_at', 'timestamptz', '2025-01-31T00:00:00Z'],
    ['imageLink', 'image_url', ...links],
  ],
  'another business altogether': [
    ['invoice', null],
    ['due', null, 'date', '2025-01-31'],
    ['debtor', null],
    ['dunning level', null, 'long', '1'],
  ],
}

/** A contract as discovery would give it; the first column that says what a row is, is unique. */
export function contractFor(meanings: readonly Meaning[]): FeedContract {
  const columns = meanings.map(([header, , type = 'string', ...samples], index) =>
    column(`c${index}`, type, {
      sourceName: header,
      quality: {
        nullFraction: 0,
        distinct: Math.max(1, new Set(samples).size),
        minLength: 1,
        maxLength: 20,
        fit: 1,
        samples,
      },
    }),
  )
  const key = meanings.findIndex(([, means]) => means === 'sku')
  const keys =
    key < 0 ? [] : [{ kind: 'primary' as const, columns: [`c${key}`], evidence: 'no value repeats', confidence: 0.9 }]
  return contractOf(columns, { keys })
}
