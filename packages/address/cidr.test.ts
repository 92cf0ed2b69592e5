import { expect } from 'chai'
import { canonicalAddress } from './address.ts'
import {
  canonicalCidr,
  cidr,
  contains,
  containsAddress,
  firstHost,
  hostCidr,
  overlaps,
  parseCidr,
} from './cidr.ts'
import { isUnicast, specialRange } from './special.ts'

describe('cidr', () => {
  it('writes prefixes in canonical form, host bits cleared', () => {
    expect(parseCidr('10.1.2.3/24')?.text).to.equal('10.1.2.0/24')
    expect(parseCidr('FD00:0:0:1::5/64')?.text).to.equal('fd00:0:0:1::/64')
    expect(parseCidr('0.0.0.0/0')?.text).to.equal('0.0.0.0/0')
    expect(parseCidr('::/0')?.text).to.equal('::/0')
    expect(canonicalCidr('10.1.2.255/30')).to.equal('10.1.2.252/30')
    expect(canonicalCidr('FD00:0::1/64')).to.equal('fd00::/64')
    expect(canonicalCidr('1.2.3.4/0')).to.equal('0.0.0.0/0')
    expect(canonicalCidr('fd00::ffff/127')).to.equal('fd00::fffe/127')
  })

  it('takes nothing that is no prefix', () => {
    for (const text of [
      '',
      '10.1.2.3',
      '10.1.2/24',
      '10.1.2.3/33',
      '10.1.2.3/-1',
      '10.1.2.3/24/1',
      'fd00::/129',
      'x/1',
      '1/8',
    ]) {
      expect(parseCidr(text), text).to.equal(undefined)
    }
  })

  it('takes no zone and no IPv4-mapped address', () => {
    expect(canonicalAddress('fe80::1%eth0')).to.equal(undefined)
    expect(canonicalAddress('::ffff:10.0.0.1')).to.equal(undefined)
    expect(canonicalAddress('FD30:0::1')).to.equal('fd30::1')
    expect(parseCidr('::ffff:10.0.0.0/104')).to.equal(undefined)
    expect(hostCidr('::ffff:10.0.0.1')).to.equal(undefined)
    expect(containsAddress(cidr('::/0'), '::ffff:10.0.0.1')).to.equal(false)
  })

  it('knows what lies in what', () => {
    expect(contains(cidr('10.244.0.0/16'), cidr('10.244.3.0/24'))).to.equal(true)
    expect(contains(cidr('10.244.3.0/24'), cidr('10.244.3.0/24'))).to.equal(true)
    expect(contains(cidr('10.244.3.0/24'), cidr('10.244.0.0/16'))).to.equal(false)
    expect(contains(cidr('10.244.3.0/24'), cidr('10.244.4.0/24'))).to.equal(false)
    expect(contains(cidr('fd10::/56'), cidr('fd10:0:0:1::/64'))).to.equal(true)
    expect(contains(cidr('::/0'), cidr('10.0.0.0/8'))).to.equal(false)
    expect(containsAddress(cidr('172.30.0.0/24'), '172.30.0.11')).to.equal(true)
    expect(containsAddress(cidr('172.30.0.0/24'), 'nonsense')).to.equal(false)
    expect(containsAddress(cidr('10.1.0.0/16'), '10.1.255.255')).to.equal(true)
    expect(containsAddress(cidr('10.1.0.0/16'), '10.2.0.0')).to.equal(false)
    expect(containsAddress(cidr('fd00::/63'), 'fd00:0:0:1::1')).to.equal(true)
    expect(containsAddress(cidr('fd00::/63'), 'fd00:0:0:2::1')).to.equal(false)
    expect(containsAddress(cidr('0.0.0.0/0'), 'fd00::1')).to.equal(false)
  })

  it('knows what overlaps', () => {
    expect(overlaps(cidr('10.0.0.0/8'), cidr('10.1.0.0/16'))).to.equal(true)
    expect(overlaps(cidr('10.1.0.0/16'), cidr('10.0.0.0/8'))).to.equal(true)
    expect(overlaps(cidr('10.1.0.0/16'), cidr('10.2.0.0/16'))).to.equal(false)
    expect(overlaps(cidr('0.0.0.0/0'), cidr('::/0'))).to.equal(false)
  })

  it('gives the bridge the first address', () => {
    expect(firstHost(cidr('10.244.1.0/24'))).to.equal('10.244.1.1')
    expect(firstHost(cidr('fd10:244:0:1::/64'))).to.equal('fd10:244:0:1::1')
    expect(firstHost(cidr('10.0.0.4/31'))).to.equal('10.0.0.4')
    expect(firstHost(cidr('10.0.0.255/32'))).to.equal('10.0.0.255')
    expect(hostCidr('10.0.0.1')?.text).to.equal('10.0.0.1/32')
  })
})

describe('special ranges', () => {
  const purposeOf = (prefix: string) => specialRange(cidr(prefix))?.purpose

  it('are known by name, for prefixes in them and around them', () => {
    expect(purposeOf('127.0.0.53/32')).to.equal('loopback')
    expect(purposeOf('0.0.0.0/0')).to.equal('this-network')
    expect(purposeOf('169.254.1.0/24')).to.equal('link-local')
    expect(purposeOf('255.255.255.255/32')).to.equal('broadcast')
    expect(purposeOf('240.0.0.0/8')).to.equal('reserved')
    expect(purposeOf('::/128')).to.equal('unspecified')
    expect(purposeOf('::1/128')).to.equal('loopback')
    expect(purposeOf('febf::1/128')).to.equal('link-local')
    expect(purposeOf('::fffe:0:0/95')).to.equal('ipv4-mapped')
    expect(purposeOf('fe00::/7')).to.equal('link-local')
    expect(purposeOf('10.0.0.0/8')).to.equal(undefined)
    expect(purposeOf('fd00::/8')).to.equal(undefined)
  })

  it('are not for hosts, but for two that some networks use', () => {
    for (const text of ['0.0.0.0/0', '127.0.0.0/8', '224.0.0.1/32', '255.255.255.255/32', 'fe80::/64'])
      expect(isUnicast(cidr(text)), text).to.equal(false)
    for (const text of [
      '169.254.128.0/24',
      '240.1.0.0/16',
      '100.64.0.0/10',
      '192.168.0.0/16',
      'fd00::/8',
      '2001:db8::/32',
    ])
      expect(isUnicast(cidr(text)), text).to.equal(true)
  })
})
