import { expect } from 'chai'
import type { ServiceSnapshot } from '../snapshot.ts'
import { serviceHops } from './hops.ts'

const FRONTEND = {
  ...{
    origin: 'cluster-ip',
    clients: 'all',
    port: '',
    protocol: 'tcp',
    scheduler: 'rr',
    masqueraded: 'no-pods',
  },
  ...{ address: '10.96.0.1', number: 80, endpoints: ['10.244.1.5:8080', '[fd10::5]:8080'] },
} as const
const web = (more: object = {}, frontend: object = {}) =>
  ({
    ...{ service: 'default/web', state: 'in-place', seconds: 1, reasons: [] },
    frontends: [{ ...FRONTEND, ...frontend }],
    ...more,
  }) as unknown as ServiceSnapshot
const ask = (services: readonly ServiceSnapshot[], to: object = {}, more: object = {}) =>
  serviceHops(
    { address: '10.96.0.1', port: 80, ...to },
    { services, owner: 'default/web', holderOf: () => undefined, ...more },
  )

describe('the hops of a Service', () => {
  it('are its virtual server and endpoints', () => {
    const [hop] = ask([web()])
    expect(hop).to.deep.include({ step: 'virtual server', problem: '' })
    expect(hop?.detail).to.include('10.96.0.1 80 of default/web, rr')
    expect(hop?.detail).to.include('clients that are no pods are masqueraded')
    expect(hop?.protocol).to.equal('tcp')
    expect(hop?.next).to.deep.equal([
      { address: '10.244.1.5', port: 8080 },
      { address: 'fd10::5', port: 8080 },
    ])
  })

  it('say why nobody gets there: no endpoints, what the kernel refused, another port, a reserved address', () => {
    expect(ask([web({}, { endpoints: [] })])[0]?.problem).to.include('no endpoint is ready')
    expect(ask([web({ state: 'failed', reasons: ['EINVAL'] })])[0]?.problem).to.equal('failed: EINVAL')
    expect(ask([web()], { port: 81 })[0]?.problem).to.equal('no port 81, there are 80')
    const reserved = { holderOf: () => 'gateway' }
    expect(ask([web({ frontends: [] })], {}, reserved)[0]?.problem).to.equal(
      'the address is reserved: gateway',
    )
    expect(ask([web({ frontends: [], reasons: ['not a ClusterIP'] })])[0]?.problem).to.equal(
      'not a ClusterIP',
    )
  })

  it('are none of an address that is of no Service', () => {
    expect(ask([web()], { address: '10.9.9.9' }, { owner: undefined })).to.deep.equal([])
  })
})
