import { expect } from 'chai'
import { service, slice } from '../testing/objects.ts'
import { planOf } from '../testing/planning.ts'

const V4 = ['240.0.0.1', '127.0.0.1', '0.0.0.0', '0.1.2.3', '224.0.1.1', '255.255.255.255', '169.254.1.1']
const V6 = ['::', '::1', 'fe80::1', 'ff0e::1', '::7']
const WEB = service('web', { clusterIPs: ['10.96.0.1', 'fd10:96::1'] })
const GOOD = { v4: '10.244.1.2', v6: 'fd10:244:1::2' }

describe('endpoints that no node can send to', () => {
  for (const address of [...V4, ...V6]) {
    it(`are none: ${address}, and that is said of its slice`, () => {
      const good = address.includes(':') ? GOOD.v6 : GOOD.v4
      const { endpoints, all } = planOf(WEB, [slice('web', [address, good])])
      const vip = address.includes(':') ? 'tcp fd10:96::1 80' : 'tcp 10.96.0.1 80'
      expect(endpoints[vip]).to.deep.equal([good])
      expect(all).to.have.length(1)
      expect(all[0])
        .to.match(/^ADDRESS_REFUSED endpoint .*, and no pod's or node's$/)
        .and.include(` ${address}: `)
    })
  }

  it('are one line for a slice, however many', () => {
    const { all } = planOf(WEB, [slice('web', V4)])
    expect(all).to.have.length(1)
    expect(all[0])
      .to.include(`endpoint ${V4[0]}: reserved (RFC 1112 section 4)`)
      .and.include('and 6 more endpoints')
  })

  it('are taken where pods or nodes have such addresses', () => {
    const facts = {
      podRanges: { hold: ({ network }: { network: string }) => network === '240.0.0.1' },
      clusterAddresses: new Set(['169.254.1.1']),
    }
    const { endpoints, all } = planOf(WEB, [slice('web', ['240.0.0.1', '169.254.1.1', '240.0.0.2'])], facts)
    expect(endpoints['tcp 10.96.0.1 80']).to.deep.equal(['240.0.0.1', '169.254.1.1'])
    expect(all).to.have.length(1)
  })

  it('are no others: those of every other kind are used', () => {
    const fine = [
      '1.1.1.1',
      '100.64.0.1',
      '169.253.0.1',
      '192.0.2.1',
      '223.255.255.255',
      '2.0.0.1',
      '128.0.0.1',
    ]
    expect(planOf(WEB, [slice('web', fine)]).all).to.deep.equal([])
    expect(planOf(WEB, [slice('web', ['fd10::1', '2001:db8::1', '64:ff9b::1'])]).all).to.deep.equal([])
  })
})
