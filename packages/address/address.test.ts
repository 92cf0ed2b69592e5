import { isIPv4, isIPv6 } from 'node:net'
import { expect } from 'chai'
import ipaddr from 'ipaddr.js'
import {
  AddressError,
  canonicalAddress,
  familyOf,
  formatAddress,
  formatPrefix,
  parseAddress,
  parsePrefix,
  readAddress,
  readPrefix,
  splitZone,
  width,
  withoutMapping,
} from './address.ts'
import { cidrOf, contains } from './cidr.ts'
import { describeAddresses, describeZones } from './testing/suite.ts'
import { ADDRESSES, NO_ADDRESSES } from './testing/vectors.ts'

const host = (text: string) => ({
  family: familyOf(text),
  bytes: parseAddress(text),
  length: width(familyOf(text)),
})

/** The canonical text that ipaddr.js makes of the bytes, mapped ones dotted. It reads `::192.0.2.1` as mapped, so texts are not its to read. */
function canonicalText(bytes: Uint8Array): string {
  const address = ipaddr.fromByteArray([...bytes])
  const isMapped = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()
  return isMapped ? `::ffff:${(address as ipaddr.IPv6).toIPv4Address()}` : address.toString()
}

describeAddresses('the agent', {
  read: readAddress,
  format: formatAddress,
  plain: (text) => withoutMapping(formatAddress(parseAddress(text))),
  network: (text) => {
    const prefix = readPrefix(text)
    return prefix && cidrOf(prefix).text
  },
  contains: (prefix, address) => contains(cidrOf(parsePrefix(prefix)), host(address)),
})

describeZones('the agent', splitZone)

describe('addresses that packets can carry', () => {
  for (const { text, canonical } of ADDRESSES) {
    const expected = canonical.startsWith('::ffff:') && canonical.includes('.') ? undefined : canonical
    it(`writes ${text} as ${expected}`, () => expect(canonicalAddress(text)).to.equal(expected))
  }

  for (const text of NO_ADDRESSES) {
    it(`refuses "${text}"`, () => {
      expect(canonicalAddress(text)).to.equal(undefined)
      expect(() => parseAddress(text)).to.throw(AddressError)
    })
  }
})

describe('random texts', () => {
  it('are addresses where node says so, and are written as ipaddr.js writes them', () => {
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
      const bytes = readAddress(text)
      const length = bytes?.length
      expect(length === 4, `${text} (seed ${seed})`).to.equal(isIPv4(text))
      expect(length === 16, `${text} (seed ${seed})`).to.equal(isIPv6(text))
      if (bytes === undefined) continue
      expect(formatAddress(bytes), `${text} (seed ${seed})`).to.equal(canonicalText(bytes))
      valid++
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
