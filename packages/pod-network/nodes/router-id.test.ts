import { expect } from 'chai'
import { planInstance } from '../bgp/instance-config.ts'
import { testNode, testSettings } from '../testing/fixtures.ts'
import { routerIdOf } from './router-id.ts'

const node = (name: string, address: string) => ({ ...testNode(1, { internalIPs: [address] }), name })
const many = (count: number) =>
  Array.from({ length: count }, (_, i) => node(`node-${i}`, `2001:db8::${(i * 7919).toString(16)}`))

describe('the BGP identifier of a node without IPv4 (A18, projectcalico/calico#5146)', () => {
  it('is none that a router of the older rule refuses', () => {
    for (const each of many(10_000)) {
      const first = Number(routerIdOf(each, []).split('.')[0])
      expect(first).to.be.within(1, 223)
      expect(first).not.to.equal(127)
    }
  })

  it('is the same in every run, and that of the address, however that is written', () => {
    const id = routerIdOf(node('a', '2001:db8::11'), [])
    expect(routerIdOf(node('b', '2001:DB8:0::0011'), [])).to.equal(id)
    expect(planInstance(node('a', '2001:db8::11'), testSettings)?.routerId).to.equal(id)
    expect(planInstance(testNode(1), testSettings)?.routerId).to.equal('172.30.0.11')
  })

  it('is another one for the greater name of two that would have the same', () => {
    const all = [...many(50), testNode(1, { internalIPs: [routerIdOf(node('v6', '2001:db8::77'), [])] })]
    const own = routerIdOf(node('v6', '2001:db8::77'), all)
    // An IPv4 address of another node has it already.
    expect(own).not.to.equal(routerIdOf(node('v6', '2001:db8::77'), []))
    const [a, b] = [node('a', '2001:db8::5'), node('b', '2001:db8::5')]
    expect(routerIdOf(a, [a, b])).to.equal(routerIdOf(a, []))
    expect(routerIdOf(b, [b, a])).not.to.equal(routerIdOf(a, []))
    expect(routerIdOf(b, [a, b])).to.equal(routerIdOf(b, [b, a]))
  })
})
