import type { Hop, HopsTo, Page, Verdict } from '@podroute/feature/page.ts'
import { expect } from 'chai'
import type { KnownPod } from './explain-ends.ts'
import { type ExplainSource, explainPage } from './explain-page.ts'

const POD: KnownPod = { key: 'shop/web-1', node: 'node-1', addresses: ['10.244.1.5', 'fd10::5'] }
const FAR: KnownPod = { key: 'bank/teller', node: 'node-2', addresses: ['10.244.2.2', 'fd10:0:0:2::2'] }
const virtualServer: Hop = {
  ...{ step: 'virtual server', detail: 'web', problem: '', protocol: 'udp' },
  next: [{ address: '10.244.1.5', port: 8080 }],
}
const bridge: Hop = { step: 'bridge', detail: 'kube-bridge', problem: '' }
const SERVICE = { clusterIPs: ['10.96.0.1'], ports: [{ name: 'http', port: 80 }] }
const NAMES: Readonly<Record<string, unknown>> = {
  'default/web': SERVICE,
  'default/none': { clusterIPs: [], ports: [] },
}

function start(more: Partial<ExplainSource> = {}) {
  const asked: HopsTo[] = []
  const judged: unknown[] = []
  const feature = (name: string, address: string, hop: Hop, rest: object = {}) => ({
    name,
    feature: {
      hops(to: HopsTo) {
        asked.push(to)
        return to.address === address ? [hop] : []
      },
      ...rest,
    },
  })
  const verdicts: Pick<Page<Verdict>, 'data' | 'tables'> = {
    data(query) {
      judged.push(query)
      return {
        allowed: false,
        decisions: [
          { direction: 'ingress', node: 'node-1', allowed: false, reason: 'no rule matched of shop/deny' },
        ],
      }
    },
    tables: () => [{ columns: ['X'], rows: [['verdict']], empty: '' }],
  }
  const page = explainPage({
    nodeName: 'node-1',
    features: () =>
      [
        feature('a', '10.96.0.1', virtualServer),
        feature('b', '10.244.1.5', bridge, { verdicts }),
        { name: 'c', feature: {} },
      ] as never,
    cluster: {
      services: { get: (key: string) => NAMES[key] } as never,
      pods: new Map([[POD.key, POD]]) as never,
    },
    findPod: async (key) => (key === FAR.key ? FAR : undefined),
    ...more,
  })
  const ask = async (query: Record<string, string>) => page.data(await page.look!(query))
  return { asked, judged, page, ask }
}

const STEPS = [
  ['a', 'virtual server', 0],
  ['agent', 'endpoint', 1],
  ['b', 'bridge', 1],
  ['agent', 'pod', 1],
]
const stepsOf = (hops: readonly { feature: string; step: string; depth: number }[]) =>
  hops.map(({ feature, step, depth }) => [feature, step, depth])

describe('podroute explain', () => {
  for (const query of [
    { to: '10.96.0.1:80' },
    { to: 'default/web:80' },
    { to: 'default/web:http' },
    { to: 'default/web', port: '80' },
    { to: 'default/web', port: 'http' },
  ])
    it(`follows ${Object.values(query).join(' ')} through what each feature says`, async () => {
      const { asked, ask } = start()
      const { hops, passes } = await ask(query)
      expect(asked[0]).to.deep.equal({ address: '10.96.0.1', port: 80 })
      expect(stepsOf(hops)).to.deep.equal(STEPS)
      expect(passes).to.equal(true)
    })

  it('takes IPv6 with and without a port', async () => {
    const { asked, ask } = start()
    await ask({ to: 'fd10::1' })
    await ask({ to: '[fd10:0::1]:443' })
    expect(asked.filter((_, i) => i % 2 === 0)).to.deep.equal([
      { address: 'fd10::1', port: undefined },
      { address: 'fd10::1', port: 443 },
    ])
  })

  it('takes pods by their names, in all their families, also those that it has to ask for', async () => {
    const { asked, ask } = start()
    const { hops } = await ask({ to: 'shop/web-1' })
    expect(stepsOf(hops)).to.deep.equal([
      ['b', 'bridge', 0],
      ['agent', 'pod', 0],
      ['agent', 'pod', 0],
    ])
    expect(hops[1]?.detail).to.equal('shop/web-1 on node-1')
    expect((await ask({ to: 'bank/teller' })).hops[0]?.detail).to.equal('bank/teller on node-2')
    expect(asked.at(-1)?.address).to.equal('fd10:0:0:2::2')
  })

  it('says who sends it, what policies decide of that, and on which node the way begins', async () => {
    const { asked, judged, page, ask } = start()
    const report = await ask({ to: 'default/web:80', from: 'bank/teller' })
    expect(asked[0]).to.deep.equal({ address: '10.96.0.1', port: 80, from: '10.244.2.2' })
    expect(judged).to.deep.equal([{ pod: '10.244.1.5', port: '8080/udp', from: '10.244.2.2', with: '' }])
    expect(report.hops[0])
      .to.deep.include({ step: 'client' })
      .and.have.property('detail')
      .that.includes('node-2')
    expect(report.hops.at(-1)).to.deep.include({
      step: 'policy (ingress)',
      problem: 'network policies deny it: no rule matched of shop/deny',
    })
    expect(report.passes).to.equal(false)
    expect(
      page
        .tables(report)
        .map(({ rows }) => rows)
        .at(-1),
    ).to.deep.equal([['verdict']])
  })

  it('says what it does not know, and when nothing is podroute’s', async () => {
    const { page, ask } = start()
    const said = await ask({ to: 'default/nobody' }).catch((error: Error) => error.message)
    expect(said).to.include('no Service or pod of the cluster: default/nobody')
    const port = await ask({ to: 'default/web:x' }).catch((error: Error) => error.message)
    expect(port).to.include('not a port: x')
    const [table] = page.tables(await ask({ to: '192.0.2.1' }))
    expect(table).to.deep.include({ rows: [] }).and.have.property('empty').that.includes('ip route get')
    expect((await ask({ to: 'default/none' })).hops[0]?.problem).to.include('it has no address')
  })

  it('ends where Services lead to each other in a circle', async () => {
    const next = [{ address: '10.0.0.1', port: undefined }]
    const round = { hops: () => [{ step: 'x', detail: '', problem: '', next }] }
    const circle = start({ features: () => [{ name: 'a', feature: round }] as never })
    const { hops } = await circle.ask({ to: '10.0.0.1' })
    expect(hops.filter(({ step }) => step === 'x').length).to.equal(4)
  })
})
