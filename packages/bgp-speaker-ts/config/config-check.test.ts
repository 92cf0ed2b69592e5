// Checks of a peer's configuration, each problem with its path.
import { expect } from 'chai'
import type { PeerConfig } from '../config.ts'
import { BgpConfigError } from '../errors.ts'
import { checkPeer, checkSpeaker } from './config-check.ts'

const ABILITIES = { password: true, ttlSecurity: true, bfd: true, discovery: true, validator: true }
const PEER: PeerConfig = { address: '10.0.0.2', asn: 64513, families: ['ipv4-unicast'] }

function problems(config: Partial<PeerConfig>): readonly string[] {
  try {
    checkPeer({ ...PEER, ...config }, ABILITIES)
    return []
  } catch (error) {
    return (error as BgpConfigError).problems.map(({ path, problem }) => `${path}: ${problem}`)
  }
}

describe('the configuration of a peer', () => {
  it('has a TCP-MD5 key of 1 to 80 bytes, whatever characters they make', () => {
    for (const password of ['x', 'x'.repeat(80), 'é'.repeat(40)])
      expect(problems({ password })).to.deep.equal([])
    for (const password of ['', 'x'.repeat(81), 'é'.repeat(41)])
      expect(problems({ password })).to.deep.equal(['password: not of 1 to 80 bytes'])
  })

  it('has a distance of 1 to 254 hops where that is limited', () => {
    for (const ttlSecurityHops of [1, 254]) expect(problems({ ttlSecurityHops })).to.deep.equal([])
    for (const ttlSecurityHops of [0, 255, 1.5])
      expect(problems({ ttlSecurityHops })).to.deep.equal(['ttlSecurityHops: not from 1 to 254 hops'])
  })

  it('has a role towards an external peer only, and is strict about roles only with one (RFC 9234)', () => {
    for (const role of ['provider', 'customer', 'peer', 'rs', 'rs-client'] as const)
      expect(problems({ role, roleStrict: true })).to.deep.equal([])
    expect(problems({ role: 'friend' as 'peer' })).to.deep.equal([
      'role: not provider, customer, peer, rs or rs-client: friend',
    ])
    expect(problems({ role: 'peer', asn: 'internal' })).to.deep.equal([
      'role: only for an external peer (RFC 9234)',
    ])
    expect(problems({ roleStrict: true })).to.deep.equal(['roleStrict: only beside a role'])
  })

  it('has a zone with a link-local address, and with no other', () => {
    expect(problems({ address: 'fe80::1%eth0' })).to.deep.equal([])
    expect(problems({ address: 'fe80::1' })).to.deep.equal([
      'address: a link-local address without its interface: fe80::1',
    ])
    expect(problems({ address: 'fd00::1%eth0' })).to.deep.equal(['address: not an IP address: fd00::1%eth0'])
  })

  it('has a zone with a link-local address of our own, too', () => {
    expect(problems({ address: 'fe80::1%eth0', localAddress: 'fe80::2%eth0' })).to.deep.equal([])
    expect(problems({ address: 'fe80::1%eth0', localAddress: 'fe80::2' })).to.deep.equal([
      'localAddress: a link-local address without its interface: fe80::2',
    ])
  })
})

describe('the configuration of the speaker', () => {
  it('has a zone with a link-local address to listen on', () => {
    const listen = (address: string) => () =>
      checkSpeaker({ asn: 64512, routerId: '10.0.0.1', listen: { addresses: ['::1', address], port: 179 } })
    expect(listen('fe80::1%eth0')).not.to.throw()
    expect(listen('fe80::1')).to.throw(
      BgpConfigError,
      /^listen.addresses\[1\]: a link-local address without its interface/,
    )
  })
})
