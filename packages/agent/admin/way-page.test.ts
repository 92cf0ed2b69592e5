import type { Hop, HopsTo } from '@podroute/feature/page.ts'
import { expect } from 'chai'
import { wayPage } from './way-page.ts'

const virtualServer: Hop = {
  ...{ step: 'virtual server', detail: 'web', problem: '' },
  next: [{ address: '10.244.1.5', port: 8080 }],
}
const bridge: Hop = { step: 'bridge', detail: 'kube-bridge', problem: '' }
const asked: HopsTo[] = []
const feature = (name: string, address: string, hop: Hop) => ({
  name,
  feature: {
    hops(to: HopsTo) {
      asked.push(to)
      return to.address === address ? [hop] : []
    },
  },
})
const page = wayPage(
  () =>
    [
      feature('a', '10.96.0.1', virtualServer),
      feature('b', '10.244.1.5', bridge),
      { name: 'c', feature: {} },
    ] as never,
  { get: (key) => (key === 'default/web' ? ({ clusterIPs: ['10.96.0.1'] } as never) : undefined) },
)

describe('podroute way', () => {
  beforeEach(() => {
    asked.length = 0
  })

  for (const to of ['10.96.0.1:80', 'default/web:80'])
    it(`follows ${to} through what each feature says`, () => {
      const { hops } = page.data({ to })
      expect(asked[0]).to.deep.equal({ address: '10.96.0.1', port: 80 })
      expect(hops.map(({ feature: name, step, depth }) => [name, step, depth])).to.deep.equal([
        ['a', 'virtual server', 0],
        ['b', 'bridge', 1],
      ])
    })

  it('takes IPv6 with and without a port', () => {
    page.data({ to: 'fd10::1' })
    page.data({ to: '[fd10:0::1]:443' })
    expect(asked.filter((_, i) => i % 2 === 0)).to.deep.equal([
      { address: 'fd10::1', port: undefined },
      { address: 'fd10::1', port: 443 },
    ])
  })

  it('says what it does not know, and when nothing is podroute’s', () => {
    expect(() => page.data({ to: 'default/nobody' })).to.throw('no Service of the cluster: default/nobody')
    const [table] = page.tables(page.data({ to: '192.0.2.1' }))
    expect(table).to.deep.include({ rows: [] }).and.have.property('empty').that.includes('ip route get')
  })

  it('ends where Services lead to each other in a circle', () => {
    const round: Hop = {
      step: 'x',
      detail: '',
      problem: '',
      next: [{ address: '10.0.0.1', port: undefined }],
    }
    const circle = wayPage(() => [feature('a', '10.0.0.1', round)] as never, { get: () => undefined })
    expect(circle.data({ to: '10.0.0.1' }).hops.length).to.equal(4)
  })
})
