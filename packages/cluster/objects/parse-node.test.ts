import { expect } from 'chai'
import { primaryAddress } from './node.ts'
import { parseNode } from './parse-node.ts'
import { problemText } from './problem.ts'

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
    expect(node.podCidrs.find(({ family }) => family === 6)?.text).to.equal('fd10::/64')
    expect(node.problems).to.deep.equal([])
  })

  it('has its external addresses where it has no internal ones', () => {
    const node = (internalIPs: readonly string[]) => {
      const found = parseNode({
        name: 'a',
        ready: true,
        podCIDRs: [],
        internalIPs,
        externalIPs: ['192.0.2.1', 'FD99::1'],
      })
      return found.addresses.map(({ text }) => text)
    }
    expect(node([])).to.deep.equal(['192.0.2.1', 'fd99::1'])
    expect(node(['172.30.0.11'])).to.deep.equal(['172.30.0.11'])
    expect(node(['nonsense'])).to.deep.equal(['192.0.2.1', 'fd99::1'])
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
    expect(node.problems.map(problemText)).to.deep.equal([
      'status.addresses: not an address: node.example',
      'spec.podCIDRs[1]: not a prefix: nonsense',
      'spec.podCIDRs[2]: the whole address space: 0.0.0.0/0',
      'spec.podCIDRs[3]: a second prefix of its family: 10.244.2.0/24',
    ])
  })

  const problemOf = (podCIDR: string) =>
    parseNode({
      name: 'a',
      ready: true,
      podCIDRs: [podCIDR],
      internalIPs: ['172.30.0.11', 'fd30::11'],
    }).problems.map(problemText)
  const UNUSABLE: readonly [prefix: string, problem: string][] = [
    ['10.244.1.4/31', 'too small for pods'],
    ['fd10::4/127', 'too small for pods'],
    ['127.0.0.0/8', 'not for unicast'],
    ['224.1.0.0/16', 'not for unicast'],
    ['128.0.0.0/1', 'not for unicast'],
    ['fe80::/64', 'not for unicast'],
    ['::/3', 'not for unicast'],
    ['172.30.0.0/24', "holds the Node's own address 172.30.0.11"],
    ['fd30::/64', "holds the Node's own address fd30::11"],
  ]
  for (const [prefix, problem] of UNUSABLE) {
    it(`takes no pods from ${prefix}: ${problem}`, () => {
      expect(problemOf(prefix)).to.deep.equal([`spec.podCIDRs[0]: ${problem}: ${prefix}`])
    })
  }

  it('takes the smallest prefix that holds a pod, and reserved ranges that some networks use', () => {
    for (const prefix of [
      '10.244.1.4/30',
      'fd10::4/126',
      '240.1.0.0/24',
      '100.64.1.0/24',
      '169.254.128.0/24',
    ])
      expect(problemOf(prefix)).to.deep.equal([])
  })

  it('has no address that a host cannot have', () => {
    const { addresses, problems } = parseNode({
      name: 'a',
      ready: true,
      podCIDRs: [],
      internalIPs: ['127.0.0.1', '0.0.0.0', '::1', 'fe80::1', 'ff02::1', '172.30.0.11'],
    })
    expect(addresses.map((a) => a.text)).to.deep.equal(['172.30.0.11'])
    expect(problems).to.have.length(5)
  })
})
