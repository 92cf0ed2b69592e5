import type { NetworkPolicyObject } from '@podroute/cluster/objects/network-policy.ts'
import { parseNetworkPolicy } from '@podroute/cluster/objects/parse-network-policy.ts'
import { expect } from 'chai'
import { compileClass } from './chain.ts'
import { groupSet } from './references.ts'

type Spec = NonNullable<NetworkPolicyObject['spec']>

function compile(direction: 'ingress' | 'egress', spec: Spec, family: 4 | 6 = 4, namespace = 'shop') {
  const policy = parseNetworkPolicy(
    { spec: { policyTypes: ['Ingress', 'Egress'], ...spec } },
    `${namespace}/p`,
  )
  const rules = policy[direction]!.map((rule) => ({ namespace, rule }))
  const numbersOf = (protocol: string, name: string) =>
    protocol === 'tcp' && name === 'web' ? [80, 8080] : []
  return compileClass({ admin: [], own: rules, baseline: [] }, { direction, family, numbersOf })
}
const ingress = (spec: Spec['ingress'], family: 4 | 6 = 4) =>
  withoutSelf(compile('ingress', { ingress: spec! }, family)?.chain.rules)

/** Of all that isolate, before they deny: a pod that reaches itself. */
function withoutSelf(rules: readonly string[] | undefined): readonly string[] | undefined {
  if (rules) expect(rules.at(-2)).to.match(/^(ip6? )saddr \. \1daddr @self-[46] return$/)
  return rules?.toSpliced(-2, 1)
}

const DENIED = 'goto denied-ingress'

describe('the chain of policies', () => {
  it('drops what nothing allows', () => {
    expect(ingress([])).to.deep.equal([DENIED])
  })

  it('is none where everything is allowed', () => {
    expect(ingress([{}])).to.equal(undefined)
    expect(ingress([{ from: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }])).to.equal(undefined)
    expect(ingress([{ from: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }], 6)).to.deep.equal([DENIED])
  })

  it('joins the blocks of a rule, and the ports of a protocol', () => {
    const from = [{ ipBlock: { cidr: '10.0.0.0/8' } }, { ipBlock: { cidr: '10.1.2.3/32' } }]
    const ports = [
      { port: 79, endPort: 81 },
      { port: 82 },
      { protocol: 'UDP', port: 53 },
      { protocol: 'SCTP' },
    ]
    expect(ingress([{ from, ports }])).to.deep.equal([
      'ip saddr 10.0.0.0/8 meta l4proto 132 return',
      'ip saddr 10.0.0.0/8 tcp dport 79-82 return',
      'ip saddr 10.0.0.0/8 udp dport 53 return',
      DENIED,
    ])
  })

  it('has two blocks or ports as rules of their own, and a set for more', () => {
    const block = (...numbers: number[]) =>
      numbers.map((number) => ({ ipBlock: { cidr: `10.${2 * number}.0.0/16` } }))
    const ports = [{ port: 80 }, { port: 443 }]
    expect(ingress([{ from: block(1, 2), ports }])).to.deep.equal([
      'ip saddr 10.2.0.0/16 tcp dport 443 return',
      'ip saddr 10.2.0.0/16 tcp dport 80 return',
      'ip saddr 10.4.0.0/16 tcp dport 443 return',
      'ip saddr 10.4.0.0/16 tcp dport 80 return',
      DENIED,
    ])
    expect(ingress([{ from: block(1, 2, 3), ports: [...ports, { port: 8080 }] }])).to.deep.equal([
      'ip saddr { 10.2.0.0/16, 10.4.0.0/16, 10.6.0.0/16 } tcp dport { 80, 443, 8080 } return',
      DENIED,
    ])
  })

  it('has up to four blocks as rules where no port needs a set', () => {
    const block = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ ipBlock: { cidr: `10.${2 * index}.0.0/16` } }))
    expect(ingress([{ from: block(4), ports: [{ port: 80 }] }])).to.deep.equal([
      'ip saddr 10.0.0.0/16 tcp dport 80 return',
      'ip saddr 10.2.0.0/16 tcp dport 80 return',
      'ip saddr 10.4.0.0/16 tcp dport 80 return',
      'ip saddr 10.6.0.0/16 tcp dport 80 return',
      DENIED,
    ])
    expect(ingress([{ from: block(5), ports: [{ port: 80 }] }])).to.deep.equal([
      'ip saddr { 10.0.0.0/16, 10.2.0.0/16, 10.4.0.0/16, 10.6.0.0/16, 10.8.0.0/16 } tcp dport 80 return',
      DENIED,
    ])
  })

  it('reads names of ingress at the pods that the rules are for', () => {
    expect(ingress([{ ports: [{ port: 'web' }, { port: 443 }] }])).to.deep.equal([
      'tcp dport { 80, 443, 8080 } return',
      DENIED,
    ])
    expect(ingress([{ ports: [{ port: 'none' }] }])).to.deep.equal([DENIED])
  })

  it('leaves names of egress to a set', () => {
    const { chain, portNames } = compile('egress', { egress: [{ ports: [{ port: 'web' }] }] }, 6)!
    const [name] = portNames
    expect(name).to.deep.include({ protocol: 'tcp', name: 'web' })
    expect(withoutSelf(chain.rules)).to.deep.equal([
      `ip6 daddr . meta l4proto . th dport @port-${name!.id}-6 return`,
      'goto denied-egress',
    ])
  })

  it('has one set for the same pods, whoever names them, and one for each namespace that means its own', () => {
    const spec = (selector: object) => ({ ingress: [{ from: [selector] }] })
    const web = { podSelector: { matchLabels: { app: 'web' } } }
    const of = (selector: object, namespace: string) => compile('ingress', spec(selector), 4, namespace)!
    const everywhere = { namespaceSelector: {}, ...web }
    expect(of(everywhere, 'shop')).to.deep.equal(of(everywhere, 'bank'))
    expect(of(web, 'shop').chain.name).not.to.equal(of(web, 'bank').chain.name)
    const [group] = of(web, 'shop').unions
    expect(withoutSelf(of(web, 'shop').chain.rules)).to.deep.equal([
      `ip saddr @${groupSet(group!, 4)} return`,
      DENIED,
    ])
  })

  it('is the same in whatever order its rules are', () => {
    const rules = [{ ports: [{ port: 80 }] }, { ports: [{ port: 53, protocol: 'UDP' }] }]
    expect(ingress(rules)).to.deep.equal(ingress(rules.toReversed()))
  })
})
