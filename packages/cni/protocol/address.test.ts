import { describeAddresses } from '@podroute/address/testing/suite.ts'
import { expect } from 'chai'
import {
  contains,
  formatAddress,
  formatMac,
  formatPrefix,
  lastOf,
  networkOf,
  nextAddress,
  parseAddress,
  parseMac,
  parsePrefix,
  readAddress,
  readPrefix,
} from './address.ts'

describeAddresses('the CNI plugins', {
  read: parseAddress,
  format: formatAddress,
  plain: (text) => formatAddress(readAddress(text)!),
  network: (text) => {
    const prefix = parsePrefix(text)
    return prefix && formatPrefix({ address: networkOf(prefix), length: prefix.length })
  },
  contains: (prefix, address) => contains(parsePrefix(prefix)!, parseAddress(address)!),
})

const canonical = (text: string) => {
  const address = parseAddress(text)
  return address === undefined ? undefined : formatAddress(address)
}

describe('address', () => {
  it('prints what it reads in canonical form', () => {
    const forms: [string, string][] = [
      ['10.1.2.3', '10.1.2.3'],
      ['fd00:0:0:0:0:0:0:1', 'fd00::1'],
      ['::', '::'],
      ['::1', '::1'],
      ['1::', '1::'],
      ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ]
    for (const [text, expected] of forms) expect(canonical(text), text).to.equal(expected)
  })

  it('refuses what is not an address', () => {
    const wrong = [
      '',
      '10.0.0',
      '10.0.0.256',
      '10.0.0.01',
      '1:2',
      '1::2::3',
      ':::',
      '1:2:3:4:5:6:7:8:9',
      'g::',
      '12345::',
    ]
    for (const text of wrong) expect(canonical(text), text).to.equal(undefined)
  })

  it('refuses a prefix length that the family does not have', () => {
    for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', 'fd00::/129', '10.0.0.0/08'])
      expect(parsePrefix(text), text).to.equal(undefined)
  })

  it('finds the first and last address of a prefix', () => {
    const bounds = (text: string) => {
      const prefix = parsePrefix(text)!
      return [formatAddress(networkOf(prefix)), formatAddress(lastOf(prefix))]
    }
    expect(bounds('10.1.2.3/20')).to.deep.equal(['10.1.0.0', '10.1.15.255'])
    expect(bounds('10.1.2.3/0')).to.deep.equal(['0.0.0.0', '255.255.255.255'])
    expect(bounds('fd00::1:2/124')).to.deep.equal(['fd00::1:0', 'fd00::1:f'])
  })

  it('carries over bytes when counting up', () => {
    expect(formatAddress(nextAddress(parseAddress('10.0.255.255')!))).to.equal('10.1.0.0')
    expect(formatAddress(nextAddress(parseAddress('fd00::ffff')!))).to.equal('fd00::1:0')
  })

  it('tells whether a prefix contains an address of its own family only', () => {
    expect(contains(parsePrefix('10.0.0.0/8')!, parseAddress('10.255.0.1')!)).to.equal(true)
    expect(contains(parsePrefix('10.0.0.0/9')!, parseAddress('10.255.0.1')!)).to.equal(false)
    expect(contains(parsePrefix('::/0')!, parseAddress('10.255.0.1')!)).to.equal(false)
  })

  it('takes a mapped prefix as IPv4 where it is long enough', () => {
    const plain = (text: string) => {
      const prefix = readPrefix(text)
      return prefix && formatPrefix(prefix)
    }
    expect(plain('::ffff:10.1.2.3/120')).to.equal('10.1.2.3/24')
    expect(plain('::ffff:10.1.2.3/96')).to.equal('10.1.2.3/0')
    expect(plain('::ffff:10.1.2.3/95')).to.equal(undefined)
    expect(plain('fd00::1/64')).to.equal('fd00::1/64')
  })

  it('keeps the host bits of a prefix', () => {
    expect(formatPrefix(parsePrefix('10.1.2.3/24')!)).to.equal('10.1.2.3/24')
  })

  it('reads and prints hardware addresses', () => {
    expect(formatMac(parseMac('0A-1b-02-03-04-ff')!)).to.equal('0a:1b:02:03:04:ff')
    for (const text of ['', '0a:1b', '0a:1b:02:03:04:gg', '0a:1b:02:03:04:05:06'])
      expect(parseMac(text), text).to.equal(undefined)
  })
})
