import { expect } from 'chai'
import { masqueradeHops, routeHops } from './hops.ts'
import type { RouteSnapshot } from './route-report.ts'

const ROUTE: RouteSnapshot = {
  ...{ destination: '10.244.2.0/24', gateway: '172.31.0.12', gateways: ['172.31.0.12'] },
  ...{ state: 'installed', node: 'b', from: ['b'], detail: '' },
}
const ask = (address: string, ...routes: readonly RouteSnapshot[]) =>
  routeHops(address, { podCIDRs: ['10.244.1.0/24', 'fd10::/64'], routes, bridge: 'kube-bridge' })

describe('the hop of a route', () => {
  it('is the bridge for pods of this node, in both families', () => {
    for (const address of ['10.244.1.5', 'fd10::5'])
      expect(ask(address, ROUTE)[0]).to.deep.include({ step: 'bridge', problem: '' })
  })

  it('is the longest route that is used, with its node and whom it is of', () => {
    const wide = { ...ROUTE, destination: '10.0.0.0/8', node: '', from: ['tor'] }
    const [hop] = ask('10.244.2.7', wide, ROUTE)
    expect(hop).to.deep.include({
      detail: '10.244.2.0/24 via 172.31.0.12 to node b, from b (installed)',
      problem: '',
    })
  })

  it('says what is wrong with it: refused by a rule, or by the kernel', () => {
    const refused = { ...ROUTE, state: 'refused', detail: 'not-a-pod-range' } as const
    expect(ask('10.244.2.7', refused)[0]?.problem).to.equal('10.244.2.0/24 of b is refused: not-a-pod-range')
    const failed = { ...ROUTE, state: 'failed', detail: 'EEXIST' } as const
    expect(ask('10.244.2.7', failed)[0]?.problem).to.include('EEXIST')
  })

  it('is none where no route of podroute leads', () => {
    expect(ask('8.8.8.8', ROUTE)).to.deep.equal([])
  })
})

describe('the hop of masquerading', () => {
  const podCIDRs = ['10.244.1.0/24', 'fd10::/64']
  const direct = ['10.244.0.0/16', '172.31.0.12', 'fd31::2', '192.168.0.0/16']
  const detail = (address: string, from: string, enabled = true) =>
    masqueradeHops(address, from, { enabled, podCIDRs, direct })[0]?.detail

  it('says for pods of this node whether they are seen with their own address', () => {
    expect(detail('8.8.8.8', '10.244.1.5')).to.include('with the node’s address')
    expect(detail('2001:db8::1', 'fd10::5')).to.include('with the node’s address')
    for (const to of ['10.244.2.7', '172.31.0.12', '192.168.7.7'])
      expect(detail(to, '10.244.1.5'), to).to.include('it is seen as 10.244.1.5')
    expect(detail('8.8.8.8', '10.244.1.5', false)).to.include('podNetwork.masquerade')
  })

  it('is none for what others send', () => {
    expect(detail('8.8.8.8', '172.31.0.12')).to.equal(undefined)
  })
})
