import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { servicesPage } from './page.ts'
import { FakeProxyKernel } from './testing/fake-proxy-kernel.ts'
import { createServiceProxy } from './testing/object-proxy.ts'
import { service, slice } from './testing/objects.ts'

async function setup() {
  const clock = new ManualClock()
  const kernel = new FakeProxyKernel()
  const options = { nodeName: 'node', nodeAddresses: ['192.0.2.11'], kernel, clock, random: () => 1 }
  const proxy = createServiceProxy(options)
  await proxy.start()
  await proxy.synced()
  const page = servicesPage(() => ({ services: proxy.snapshot(), problems: proxy.problems() }))
  const state = () =>
    page.tables(page.data())[0]!.rows.map(([name, text, ...rest]) => `${name} ${text} ${rest[1]}`)
  return { clock, kernel, proxy, page, state }
}

const WEB = service('web', { clusterIP: '10.96.0.1' })

describe('podroute services', () => {
  it('says since when each Service is in place, also as JSON', async () => {
    const { clock, proxy, page, state } = await setup()
    proxy.upsertService(WEB)
    proxy.upsertSlice(slice('web', ['10.244.1.2']))
    expect(state()).to.deep.equal(['test/web pending '])
    await clock.advance(100)
    await clock.advance(200_000)
    expect(state()).to.deep.equal(['test/web in place 3m20s tcp 10.96.0.1:80'])
    proxy.setZone('b')
    await clock.advance(1000)
    expect(state(), 'planned again to the same').to.deep.equal(['test/web in place 3m21s tcp 10.96.0.1:80'])
    proxy.upsertSlice(slice('web', ['10.244.1.3']))
    await clock.advance(8000)
    const [shown] = page.data().services
    expect({ ...shown, frontends: [] }).to.deep.equal({
      ...{ service: 'test/web', state: 'in-place', seconds: 7, reasons: [], frontends: [] },
    })
  })

  it('says why one is not in place', async () => {
    const { clock, kernel, proxy, page, state } = await setup()
    const server = { family: 4, protocol: 'tcp', address: '10.96.0.1', port: 80, scheduler: 'rr' } as const
    kernel.table.set('tcp 10.96.0.1 80', {
      server: { ...server, flags: 0, timeout: 0 },
      destinations: new Map(),
    })
    proxy.upsertService(WEB)
    await clock.advance(100)
    expect(state()[0]).to.match(/^test\/web failed .*: virtual-servers tcp 10.96.0.1 80: EEXIST tcp/)
    kernel.table.clear()
    await clock.advance(60_000)
    expect(state()[0]).to.match(/^test\/web in place/)
    kernel.interfaceAddresses = ['10.96.0.2']
    kernel.setAddresses('10.96.0.2')
    proxy.upsertService(service('taken', { clusterIP: '10.96.0.2' }))
    await clock.advance(100)
    await clock.advance(100)
    expect(state()[1]).to.equal('test/taken refused ')
    expect(page.data().services[1]!.reasons).to.deep.equal([
      'ADDRESS_REFUSED 10.96.0.2: the address of a node',
    ])
  })

  it('counts the endpoints and the address of a Service, not the virtual server alone', async () => {
    const { clock, kernel, proxy, page } = await setup()
    const { apply } = kernel.routes
    kernel.routes.apply = async (ops) =>
      ops.map(() => Object.assign(new Error('no memory'), { code: 'ENOMEM' }))
    proxy.upsertService(WEB)
    await clock.advance(100)
    expect(page.data().services[0]).to.deep.include({
      state: 'failed',
      reasons: ['vips 10.96.0.1: no memory'],
    })
    kernel.routes.apply = apply
    await clock.advance(60_000)
    expect(page.data().services[0]).to.include({ state: 'in-place' })
  })
})
