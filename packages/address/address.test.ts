import { isIPv4, isIPv6 } from 'node:net'
import { expect } from 'chai'
import {
  AddressError,
  formatAddress,
  formatPrefix,
  parseAddress,
  parsePrefix,
  readAddress,
} from './address.ts'

describe('addresses', () => {
  for (const [text, canonical] of [
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
  ] as const) {
    it(`writes ${text} as ${canonical} (RFC 5952)`, () => {
      expect(formatAddress(parseAddress(text))).to.equal(canonical)
    })
  }

  for (const text of [
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1..2.3',
    '1.2.3.',
    '.1.2.3',
    '1.2.3.4 ',
    '1.2.3.a',
    ':',
    ':::',
    '1:',
    ':1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1::',
    '12345::',
    'g::',
    '::1.2.3',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::1.2.3.4:5',
    'fe80::1%eth0',
  ]) {
    it(`refuses "${text}"`, () => {
      expect(() => parseAddress(text)).to.throw(AddressError)
    })
  }

  it('agrees with node about random text made of the same characters', () => {
    const seed = 20261121
    let state = seed
    const next = (n: number) => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
      return (state >> 8) % n
    }
    const pieces = [':', '::', '.', '0', '1', '25', 'ffff', 'a', '192.0.2.1', '255', '256']
    let valid = 0
    for (let i = 0; i < 20_000; i++) {
      const text = Array.from({ length: 1 + next(15) }, () => pieces[next(pieces.length)]).join('')
      const length = readAddress(text)?.length
      expect(length === 4, `${text} (seed ${seed})`).to.equal(isIPv4(text))
      expect(length === 16, `${text} (seed ${seed})`).to.equal(isIPv6(text))
      if (isIPv4(text) || isIPv6(text)) valid++
    }
    expect(valid).to.be.above(100)
  })
})

describe('prefixes', () => {
  it('keeps host bits where they are read', () => {
    const { family, bytes, length } = parsePrefix('10.1.2.3/24')
    expect({ family, bytes: [...bytes], length }).to.deep.equal({
      family: 4,
      bytes: [10, 1, 2, 3],
      length: 24,
    })
  })

  it('completes the bytes that the kernel leaves out of a default route', () => {
    expect(formatPrefix(4, undefined, 0)).to.equal('0.0.0.0/0')
    expect(formatPrefix(6, undefined, 0)).to.equal('::/0')
  })

  it('refuses a length that is missing, too long or no number', () => {
    for (const text of [
      '10.0.0.0',
      '10.0.0.0/',
      '10.0.0.0/33',
      '10.0.0.0/-1',
      '10.0.0.0/08',
      'fd00::/129',
      '/24',
    ]) {
      expect(() => parsePrefix(text), text).to.throw(AddressError)
    }
  })
})
