import { expect } from 'chai'
import type { NetworkPolicyObject, PeerObject, PortObject } from './network-policy.ts'
import { parseNetworkPolicy } from './parse-network-policy.ts'
import { type PodObject, parsePod } from './pod.ts'

const parse = (spec: NetworkPolicyObject['spec']) => parseNetworkPolicy({ spec } as never, 'shop/p')
const from = (...peers: PeerObject[]) => parse({ ingress: [{ from: peers }] })
const through = (...ports: PortObject[]) => parse({ ingress: [{ ports }] })
const texts = (spec: NetworkPolicyObject['spec']) =>
  parse(spec).problems.map(({ path, reason }) => `${path}: ${reason}`)

describe('a NetworkPolicy', () => {
  it('isolates as the API server fills its policyTypes in', () => {
    const isolated = (spec: NetworkPolicyObject['spec']) => {
      const { ingress, egress } = parse(spec)
      return [ingress !== undefined, egress !== undefined]
    }
    expect(isolated({})).to.deep.equal([true, false])
    expect(isolated({ egress: [] })).to.deep.equal([true, false])
    expect(isolated({ egress: [{}] })).to.deep.equal([true, true])
    expect(isolated({ policyTypes: ['Egress'] })).to.deep.equal([false, true])
    expect(isolated({ policyTypes: ['Ingress'], egress: [{}] })).to.deep.equal([true, false])
  })

  it('tells no list and an empty one, which mean everything, from one that nothing is left of', () => {
    for (const rule of [{}, { from: [], ports: [] }])
      expect(parse({ ingress: [rule] }).ingress).to.deep.equal([{ peers: undefined, ports: undefined }])
    expect(from({ ipBlock: { cidr: 'junk' } }).ingress![0]!.peers).to.deep.equal([])
    expect(through({ protocol: 'ICMP' }).ingress![0]!.ports).to.deep.equal([])
  })

  it('reads peers', () => {
    const everyone = { namespaceSelector: {} }
    const [own, all, both] = from({ podSelector: { matchLabels: { app: 'web' } } }, everyone, {
      ...everyone,
      podSelector: {},
    }).ingress![0]!.peers!
    const web = [{ kind: 'in', key: 'app', values: ['web'] }]
    expect(own).to.deep.equal({ kind: 'pods', namespaces: undefined, pods: web })
    expect(all).to.deep.equal({ kind: 'pods', namespaces: [], pods: [] }).and.to.deep.equal(both)
  })

  it('reads blocks with their exceptions, host bits cleared', () => {
    const [block] = from({ ipBlock: { cidr: '10.1.2.3/8', except: ['10.1.0.0/16'] } }).ingress![0]!.peers!
    expect(
      block?.kind === 'block' && [block.cidr.text, ...block.except.map(({ text }) => text)],
    ).to.deep.equal(['10.0.0.0/8', '10.1.0.0/16'])
  })

  it('allows nothing by what it cannot read, and names it', () => {
    const blocks = [{ cidr: '::ffff:10.0.0.0/104' }, { cidr: '10.0.0.0/8', except: ['10.0.0.0/33'] }, {}].map(
      (ipBlock) => ({ ipBlock }),
    )
    expect(from(...blocks).ingress![0]!.peers).to.deep.equal([])
    expect(texts({ ingress: [{ from: [...blocks, {}] }] })).to.deep.equal([
      'spec.ingress[0].from[0].ipBlock.cidr: not a prefix: ::ffff:10.0.0.0/104',
      'spec.ingress[0].from[1].ipBlock.except[0]: not a prefix: 10.0.0.0/33',
      'spec.ingress[0].from[2].ipBlock.cidr: not a prefix: undefined',
      'spec.ingress[0].from[3]: names nobody: {}',
    ])
    expect(
      texts({ egress: [{ to: [{ podSelector: { matchExpressions: [{ key: 'x' }] } }] }] }),
    ).to.deep.equal(['spec.egress[0].to[0].podSelector: not a requirement: {"key":"x"}'])
  })

  it('isolates rather too many pods where its own selector cannot be read', () => {
    const { podSelector, problems } = parse({
      podSelector: { matchExpressions: [{ key: 'x', operator: '?' }] },
    })
    expect(podSelector).to.deep.equal([])
    expect(problems.map(({ path }) => path)).to.deep.equal(['spec.podSelector'])
  })

  it('reads ports: numbers, ranges, names, and whole protocols', () => {
    const numbers = (protocol: string, first: number, last: number) => ({
      kind: 'numbers',
      ...{ protocol, first, last },
    })
    expect(
      through(
        { port: 80 },
        { port: 79, endPort: 81, protocol: 'UDP' },
        { protocol: 'SCTP' },
        {},
        { port: 'http' },
      ).ingress![0]!.ports,
    ).to.deep.equal([
      numbers('tcp', 80, 80),
      numbers('udp', 79, 81),
      numbers('sctp', 1, 65_535),
      numbers('tcp', 1, 65_535),
      { kind: 'name', protocol: 'tcp', name: 'http' },
    ])
    const odd: PortObject[] = [{ port: 0 }, { port: 81, endPort: 80 }, { port: 'http', endPort: 80 }]
    expect(through(...odd).ingress![0]!.ports).to.deep.equal([])
    expect(texts({ ingress: [{ ports: odd }] })).to.have.length(3)
  })
})

describe('a Pod', () => {
  const pod = (more: Partial<PodObject>) =>
    parsePod({ uid: 'u', labels: {}, node: 'n', addresses: ['10.244.0.5'], ...more }, 'shop/web')

  it('has its addresses in canonical form, and the ports that can be used', () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'odd', protocol: 'X', port: 80 },
      { name: 'none', port: 0 },
    ]
    expect(pod({ addresses: ['10.244.0.5', 'FD10:0::5', '10.244.0.5', 'junk'], ports })).to.deep.include({
      ...{ key: 'shop/web', namespace: 'shop', node: 'n' },
      addresses: ['10.244.0.5', 'fd10::5'],
      ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
    })
  })

  it('is none that has no address of its own', () => {
    for (const more of [{ hostNetwork: true }, { ended: true }, { node: '', addresses: [] }])
      expect(pod(more)).to.equal(undefined)
  })

  it('is one before its node says its addresses', () => {
    expect(pod({ addresses: [], staticUid: 's' })).to.deep.include({
      addresses: [],
      uid: 'u',
      staticUid: 's',
    })
  })
})
