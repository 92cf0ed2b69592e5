import type { Link } from '@podroute/linux/route/links.ts'
import { expect } from 'chai'
import { readHostAddresses } from './host-addresses.ts'

const UPLINK = 2
const KUBE_PROXY = 3

function read(
  addresses: readonly (readonly [address: string, interfaceIndex: number])[],
  others: object[] = [],
) {
  const links = {
    get: async (name: string | number) => others.find((l) => (l as Link).name === name) as Link,
  }
  const list = async () =>
    addresses.map(([address, interfaceIndex]) => {
      const family = address.includes(':') ? (6 as const) : (4 as const)
      return { interfaceIndex, family, address, prefixLength: 24, scope: 0, flags: 0 }
    })
  return readHostAddresses(links, { list })
}

describe('addresses of the node', () => {
  it('are those that others can reach: no loopback and no link-local ones', async () => {
    const near = ['127.0.0.1', '127.200.0.1', '169.254.169.254', '::1', 'fe80::1', 'febf::1']
    const far = ['192.0.2.11', '126.0.0.1', '169.253.0.1', '2001:db8::11', 'fec0::1', 'fd00::1', '::2:1']
    const { reachable } = await read([...near, ...far].map((address) => [address, UPLINK] as const))
    expect(reachable).to.deep.equal(far)
  })

  it('are none that another program left on an interface of its own', async () => {
    const { reachable, leftOvers } = await read(
      [
        ['192.0.2.11', UPLINK],
        ['10.96.0.10', KUBE_PROXY],
        ['10.96.0.1', KUBE_PROXY],
      ],
      [{ name: 'kube-ipvs0', kind: 'dummy', index: KUBE_PROXY }],
    )
    expect(reachable).to.deep.equal(['192.0.2.11'])
    expect(leftOvers).to.deep.equal([
      { interface: 'kube-ipvs0', program: 'kube-proxy', addresses: ['10.96.0.1', '10.96.0.10'] },
    ])
  })
})
