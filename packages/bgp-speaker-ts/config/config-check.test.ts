// What is wrong with a configuration of a peer, before anything is done with it.
import { expect } from 'chai'
import type { PeerConfig } from '../config.ts'
import type { BgpConfigError } from '../errors.ts'
import { checkPeer } from './config-check.ts'

const ABILITIES = { password: true, ttlSecurity: true, bfd: true, discovery: true }
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

  it('has a zone with a link-local address, and with no other', () => {
    expect(problems({ address: 'fe80::1%eth0' })).to.deep.equal([])
    expect(problems({ address: 'fe80::1' })).to.deep.equal([
      'address: a link-local address without its interface: fe80::1',
    ])
    expect(problems({ address: 'fd00::1%eth0' })).to.deep.equal(['address: not an IP address: fd00::1%eth0'])
  })
})
