import iconv from 'iconv-lite'
import { describe, expect, test } from 'vitest'
import { findEncoding } from '../../src/discovery/encoding.ts'
import { codesOf, encoded, namesOf, specOf } from './support.ts'

const feeds = {
  German: 'Artikel;Größe;Preis\nKüchenmesser groß;Maß über 20 cm;12,50\nHängeschrank weiß;schöne Tür;99,00\n',
  French:
    'Référence;Désignation;Prix\nA1;Théière émaillée à fleurs;12,50\nA2;Côté gauche, très solide;9,90\nA3;Garçon façade;1,00\n',
  Spanish: 'Código;Descripción;Precio\n1;Cañón pequeño, año único;10\n2;Sillón cómodo y más;20\n',
  Polish: 'Nazwa;Opis;Cena\nŁóżko;Źródło światła, żółty;10\nKrzesło;Ładne, duże, świetne gałęzie;20\n',
  Czech: 'Název;Popis;Cena\nŽidle;Příliš žluťoučký kůň úpěl ďábelské ódy;10\nStůl;Dřevěný, hnědý, největší;20\n',
  Hungarian: 'Név;Leírás;Ár\nSzék;Őszi tűzőgép, hűtő és főző;10\nAsztal;Erős fából, könnyű;20\n',
  Russian: 'Название;Описание;Цена\nСтул;Деревянный, очень крепкий;10\nСтол;Большой и удобный;20\n',
  Danish: 'Navn;Beskrivelse;Pris\nStol;Blå grøn æble på Ærø;10\nBord;Rød ølåbner;20\n',
}

describe('the text comes out as it was written', () => {
  test.each([
    ['German', 'windows-1252'],
    ['German', 'cp850'],
    ['German', 'macintosh'],
    ['French', 'windows-1252'],
    ['French', 'cp850'],
    ['French', 'macintosh'],
    ['Spanish', 'windows-1252'],
    ['Spanish', 'cp850'],
    ['Polish', 'windows-1250'],
    ['Polish', 'iso-8859-2'],
    ['Polish', 'cp852'],
    ['Czech', 'windows-1250'],
    ['Czech', 'iso-8859-2'],
    ['Hungarian', 'windows-1250'],
    ['Russian', 'windows-1251'],
    ['Russian', 'koi8-r'],
    ['Russian', 'cp866'],
    ['Danish', 'windows-1252'],
    ['Danish', 'cp850'],
    ['German', 'utf-8'],
    ['Russian', 'utf-8'],
    ['German', 'utf-16le'],
    ['German', 'utf-16be'],
    ['Russian', 'utf-16le'],
  ] as const)('%s in %s', (language, encoding) => {
    const bytes = encoded(feeds[language], encoding)
    const found = findEncoding(bytes, true)
    expect(iconv.decode(bytes, found.encoding)).toBe(feeds[language])
  })
  test('one word is enough', () => {
    expect(findEncoding(encoded('a;b\nx;Gr\u00f6\u00dfe\n', 'windows-1252'), true).encoding).toBe('windows-1252')
    expect(findEncoding(encoded('a;b\n12 \u20ac;x\n', 'windows-1252'), true).encoding).toBe('windows-1252')
    expect(findEncoding(encoded('a;b\n12 \u20ac;fran\u00e7ais\n', 'iso-8859-15'), true).encoding).toBe('iso-8859-15')
  })
})

test('a short list of products in Chinese is not taken for Cyrillic', () => {
  const names = ['冲击钻', '无绳电钻', '角磨机', '螺丝刀', '工作手套', '花园软管']
  const rows = names.map((name, i) => `Z${i},${name} 型号${i},${100 + i}.50`)
  const spec = specOf(encoded(`货号,品名,价格\n${rows.join('\n')}\n`, 'gbk'))
  expect(spec.format.encoding).toBe('gb18030')
  expect(spec.columns[1]?.sourceName).toBe('品名')
})

test.each(['utf-8', 'utf-16le', 'utf-16be'])('%s with its mark', encoding => {
  const spec = specOf(encoded(feeds.German, encoding, true))
  expect(spec.format.encoding).toBe(encoding)
  expect(namesOf(spec)).toEqual(['Artikel', 'Größe', 'Preis'])
})

test('a character that the sample cuts in two is not taken for a broken one', () => {
  const bytes = Buffer.from(`${feeds.German}ä`)
  expect(findEncoding(bytes.subarray(0, bytes.length - 1), false)).toEqual({ encoding: 'utf-8', signals: [] })
})

test('a few broken bytes in a UTF-8 file leave it UTF-8', () => {
  const bytes = Buffer.concat([Buffer.from(feeds.German.repeat(3)), Buffer.from([0x78, 0x3b, 0xe4, 0x3b, 0x31, 0x0a])])
  const spec = specOf(bytes)
  expect(spec.format.encoding).toBe('utf-8')
  expect(codesOf(spec)).toContain('INVALID_ENCODING')
})

test('what was garbled before is told', () => {
  expect(codesOf(specOf('id,name\n1,Gr\u00c3\u00b6\u00c3\u009fe\n2,Ma\u00c3\u009f\n'))).toContain('GARBLED_TEXT')
})
