import { expect } from 'chai'
import { parseNode, podCidr, primaryAddress } from './node.ts'

describe('node', () => {
  it('keeps prefixes and addresses of both families in canonical form', () => {
    const node = parseNode({
      name: 'a',
      ready: true,
      podCIDRs: ['10.244.1.7/24', 'FD10::/64'],
      internalIPs: ['172.30.0.11', 'FD30::11', '172.30.0.12'],
    })
    expect(node.podCidrs.map((c) => c.text)).to.deep.equal(['10.244.1.0/24', 'fd10::/64'])
    expect(primaryAddress(node, 4)).to.equal('172.30.0.11')
    expect(primaryAddress(node, 6)).to.equal('fd30::11')
    expect(podCidr(node, 6)?.text).to.equal('fd10::/64')
    expect(node.problems).to.deep.equal([])
  })

  it('skips what is wrong and names it, keeping the rest', () => {
    const node = parseNode({
      name: 'a',
      ready: true,
      podCIDRs: ['10.244.1.0/24', 'nonsense', '0.0.0.0/0', '10.244.2.0/24'],
      internalIPs: ['node.example', '172.30.0.11', '172.30.0.11'],
    })
    expect(node.podCidrs.map((c) => c.text)).to.deep.equal(['10.244.1.0/24'])
    expect(node.addresses.map((a) => a.text)).to.deep.equal(['172.30.0.11'])
    expect(node.problems).to.deep.equal([
      'spec.podCIDRs[1]: not a prefix: nonsense',
      'spec.podCIDRs[2]: the whole address space: 0.0.0.0/0',
      'spec.podCIDRs[3]: a second prefix of its family: 10.244.2.0/24',
      'status.addresses: not an address: node.example',
    ])
  })
})
