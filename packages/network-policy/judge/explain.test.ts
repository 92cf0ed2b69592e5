import type { PodObject } from '@podroute/cluster/objects/pod.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import { expect } from 'chai'
import { explainPage } from '../page.ts'
import { explain } from './explain.ts'

function start() {
  const cluster = new ClusterState()
  for (const [name, team] of [
    ['shop', 'red'],
    ['bank', 'blue'],
  ] as const)
    cluster.set('namespaces', name, { labels: { team } })
  const pod = (key: string, node: string, address: string, more: Partial<PodObject> = {}) =>
    cluster.set('pods', key, { uid: key, labels: { app: key }, node, addresses: [address], ...more })
  pod('shop/web', 'node-1', '10.1.0.2', { labels: { app: 'web' }, ports: [{ name: 'http', port: 8080 }] })
  pod('bank/teller', 'node-2', '10.2.0.2')
  const page = explainPage((question) => explain(question, cluster))
  const ask = (from: string, port = '80', pod = 'shop/web', text = '') => {
    const data = page.data({ from, port, pod, with: text })
    return [data.allowed, ...data.decisions.map(({ direction, reason }) => `${direction}: ${reason}`)]
  }
  return { cluster, page, ask }
}

const INGRESS = [
  { from: [{ ipBlock: { cidr: '192.0.2.0/24', except: ['192.0.2.128/25'] } }] },
  { from: [{ namespaceSelector: { matchLabels: { team: 'blue' } } }], ports: [{ port: 'http' }] },
]

describe('explaining a verdict', () => {
  it('names the policy and the rule that decide, in both directions', () => {
    const { cluster, ask } = start()
    expect(ask('bank/teller')).to.deep.equal([
      true,
      'egress: no policy isolates bank/teller',
      'ingress: no policy isolates shop/web',
    ])
    cluster.set('networkpolicies', 'shop/deny', { spec: { podSelector: {} } })
    cluster.set('networkpolicies', 'shop/some', { spec: { podSelector: {}, ingress: INGRESS } })
    cluster.set('networkpolicies', 'bank/out', {
      spec: { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [{ namespaceSelector: {} }] }] },
    })
    expect(ask('bank/teller', 'http')).to.deep.equal([
      true,
      'egress: bank/out spec.egress[0]',
      'ingress: shop/some spec.ingress[1]',
    ])
    expect(ask('bank/teller')).to.deep.equal([
      false,
      'egress: bank/out spec.egress[0]',
      'ingress: no rule matched of shop/deny, shop/some',
    ])
    expect(ask('192.0.2.7', '53/udp')).to.deep.equal([
      true,
      'egress: no pod that policies select',
      'ingress: shop/some spec.ingress[0]',
    ])
    expect(ask('192.0.2.200')[0]).to.equal(false)
    expect(ask('shop/web', '80', '198.51.100.1')).to.deep.equal([
      true,
      'egress: no policy isolates shop/web',
      'ingress: no pod that policies select',
    ])
    expect(ask('shop/web')[0], 'itself').to.equal(true)
  })

  it('counts policies that are not applied yet, and says what of them cannot be used', () => {
    const { page, ask } = start()
    const policy = {
      kind: 'NetworkPolicy',
      metadata: { namespace: 'shop', name: 'new' },
      spec: { podSelector: {} },
    }
    const text = JSON.stringify(policy)
    expect(ask('bank/teller', '80', 'shop/web', text).at(-1)).to.equal('ingress: no rule matched of shop/new')
    expect(ask('bank/teller')[0], 'and not afterwards').to.equal(true)
    const odd = `${text}\n---\nkind: NetworkPolicy\nmetadata: {namespace: shop, name: odd}\nspec: {ingress: [{ports: [{port: 0}]}]}`
    const data = page.data({ from: 'bank/teller', port: '80', pod: 'shop/web', with: odd })
    expect(page.tables(data).map(({ rows }) => rows)).to.deep.equal([
      [['bank/teller', 'shop/web', '80/tcp', 'denied']],
      [
        ['egress', 'node-2', 'allowed', 'no policy isolates bank/teller'],
        ['ingress', 'node-1', 'denied', 'no rule matched of shop/new, shop/odd'],
      ],
      [['shop/odd: spec.ingress[0].ports[0]: not a port: {"port":0}']],
    ])
  })

  it('says what it cannot answer', () => {
    const { ask } = start()
    expect(() => ask('shop/nobody')).to.throw(/no pod shop\/nobody with an address of its own is known/)
    for (const port of ['0', 'x', '80/icmp', ''])
      expect(() => ask('bank/teller', port), port).to.throw(/not a port/)
    expect(() => ask('bank/teller', '80', 'shop/web', 'kind: Pod')).to.throw(
      /not a NetworkPolicy: kind is "Pod"/,
    )
    expect(() => ask('bank/teller', '80', 'shop/web', '{')).to.throw(/not YAML/)
  })
})
