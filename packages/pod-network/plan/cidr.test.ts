import { expect } from 'chai'
import { cidr, contains, containsAddress, firstHost, hostCidr, parseAddress, parseCidr } from './cidr.ts'

describe('cidr', () => {
  it('writes prefixes in canonical form, host bits cleared', () => {
    expect(parseCidr('10.1.2.3/24')?.text).to.equal('10.1.2.0/24')
    expect(parseCidr('FD00:0:0:1::5/64')?.text).to.equal('fd00:0:0:1::/64')
    expect(parseCidr('0.0.0.0/0')?.text).to.equal('0.0.0.0/0')
    expect(parseCidr('::/0')?.text).to.equal('::/0')
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
    expect(parseAddress('fe80::1%eth0')).to.equal(undefined)
    expect(parseAddress('::ffff:10.0.0.1')).to.equal(undefined)
    expect(parseAddress('FD30:0::1')).to.deep.equal({ family: 6, text: 'fd30::1' })
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
  })

  it('gives the bridge the first address', () => {
    expect(firstHost(cidr('10.244.1.0/24'))).to.equal('10.244.1.1')
    expect(firstHost(cidr('fd10:244:0:1::/64'))).to.equal('fd10:244:0:1::1')
    expect(hostCidr('10.0.0.1')?.text).to.equal('10.0.0.1/32')
  })
})
