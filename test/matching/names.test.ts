import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { likeness, tokensOf } from '../../src/matching/names.ts'

describe('tokens of a name', () => {
  test.each([
    ['variantCompareAtPrice', ['variant', 'compare', 'at', 'price']],
    ['Variant Compare At Price', ['variant', 'compare', 'at', 'price']],
    ['HTMLBody2Text', ['html', 'body2', 'text']],
    ['Art.-Nr.', ['art', 'nr']],
    ['Größe/Maß', ['grosse', 'mass']],
    ['prix_d’achat', ['prix', 'd', 'achat']],
    ['---', []],
  ])('%s', (name, tokens) => {
    expect(tokensOf(name)).toEqual(tokens)
  })
})

describe('likeness of two names', () => {
  const alike = (one: string, other: string) => likeness(tokensOf(one), tokensOf(other))

  test.each([
    ['Art.-Nr.', 'artnr'],
    ['Désignation', 'designation'],
    ['product_name', 'Product Name'],
  ])('%s and %s are one', (one, other) => {
    expect(alike(one, other)).toBe(1)
  })

  test.each([
    ['a plural is nearer than a longer name', ['images', 'image'], ['image alt text', 'image']],
    [
      'an abbreviation is nearer than nothing in common',
      ['Artikelbez.', 'Artikelbezeichnung'],
      ['Lager', 'Artikelbezeichnung'],
    ],
    ['a contraction is nearer than nothing in common', ['qty', 'quantity'], ['qlt', 'quantity']],
    ['more in common is nearer', ['short description', 'description'], ['meta title', 'description']],
  ])('%s', (_, [one, other], [third, fourth]) => {
    expect(alike(one!, other!)).toBeGreaterThan(alike(third!, fourth!))
  })

  test('is a share, the same both ways, and whole only for the same name', () => {
    const name = fc.array(fc.constantFrom('price', 'prices', 'id', 'product', 'qty', 'quantity', 'kg', 'name'), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(name, name, (one, other) => {
        const found = likeness(one, other)
        expect(found).toBeGreaterThanOrEqual(0)
        expect(found).toBeLessThanOrEqual(1)
        if (found === 1) expect(one.join('')).toBe(other.join(''))
        expect(likeness(one, one)).toBe(1)
      }),
    )
  })
})
