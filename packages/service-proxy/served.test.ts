import { ServedAddresses } from '@podroute/feature/served-addresses.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { Serving } from './serving.ts'
import { FakeProxyKernel } from './testing/fake-proxy-kernel.ts'
import { createServiceProxy } from './testing/object-proxy.ts'
import { type SliceEndpoint, service, slice } from './testing/objects.ts'

const VIP = '198.51.100.10'
const HERE = '10.244.1.2'
const ELSEWHERE = '10.244.2.2'
const ends = (address: string, serving: boolean): SliceEndpoint => ({
  addresses: [address],
  conditions: { ready: false, serving, terminating: true },
})
const unready = (address: string): SliceEndpoint => ({ addresses: [address], conditions: { ready: false } })

async function start() {
  const kernel = new FakeProxyKernel()
  const clock = new ManualClock()
  const told: string[] = []
  const proxy = createServiceProxy({
    ...{ nodeName: 'node', nodeAddresses: ['192.0.2.11'], podCIDRs: ['10.244.0.0/16'], kernel },
    ...{ clock, random: () => 1, externalRanges: ['198.51.100.0/24'] },
    onServed: (services) => void told.push(...services),
  })
  await proxy.start()
  await proxy.synced()
  const web = (externalTrafficPolicy: string, name = 'web', port = 80) =>
    proxy.upsertService(
      service(name, {
        ...{ clusterIP: name === 'web' ? '10.96.0.1' : '10.96.0.2', externalTrafficPolicy },
        externalIPs: [VIP],
        ports: [{ port, protocol: 'TCP' }],
      }),
    )
  /** `external-ip serving` … */
  const answers = async (name = 'web') => {
    await proxy.flush()
    return proxy.addressesOf(`test/${name}`).map(({ kind, answer }) => `${kind} ${answer}`)
  }
  return { proxy, kernel, clock, told, web, answers }
}

describe('what clients from outside meet at an address', () => {
  it('is nothing where no endpoint of the policy is ready (A2)', async () => {
    const { proxy, web, answers } = await start()
    web('Cluster')
    expect(await answers()).to.deep.equal(['cluster-ip none', 'external-ip none'])
    proxy.upsertSlice(slice('web', [ELSEWHERE]))
    expect(await answers()).to.deep.equal(['cluster-ip serving', 'external-ip serving'])
    web('Local')
    expect(await answers()).to.deep.equal(['cluster-ip serving', 'external-ip none'])
    proxy.upsertSlice(slice('web', [ELSEWHERE, HERE]))
    expect(await answers()).to.deep.equal(['cluster-ip serving', 'external-ip serving'])
    proxy.upsertSlice(slice('web', [ELSEWHERE, unready(HERE)]))
    expect(await answers()).to.deep.equal(['cluster-ip serving', 'external-ip none'])
  })

  it('is on its way while endpoints only terminate, and over when they serve no more (A4)', async () => {
    const { proxy, web, answers, told } = await start()
    web('Local')
    proxy.upsertSlice(slice('web', [ELSEWHERE, ends(HERE, true)]))
    expect(await answers()).to.deep.equal(['cluster-ip serving', 'external-ip leaving'])
    proxy.upsertSlice(slice('web', [ELSEWHERE, HERE]))
    expect(await answers()).to.deep.equal(['cluster-ip serving', 'external-ip serving'])
    told.length = 0
    proxy.upsertSlice(slice('web', [ELSEWHERE, ends(HERE, true)]))
    expect(await answers()).to.deep.equal(['cluster-ip serving', 'external-ip leaving'])
    expect(told).to.deep.equal(['test/web'])
    proxy.upsertSlice(slice('web', [ELSEWHERE, ends(HERE, false)]))
    expect(await answers()).to.deep.equal(['cluster-ip serving', 'external-ip none'])
    web('Cluster')
    proxy.upsertSlice(slice('web', [ends(ELSEWHERE, true)]))
    expect(await answers()).to.deep.equal(['cluster-ip leaving', 'external-ip leaving'])
  })

  it('is what any slice of the Service says, whichever came first (A6)', async () => {
    const { proxy, web, answers, told } = await start()
    web('Local')
    proxy.upsertSlice(slice('web', [ELSEWHERE], undefined, '-1'))
    proxy.upsertSlice(slice('web', [HERE], undefined, '-3'))
    expect(await answers()).to.include('external-ip serving')
    proxy.upsertSlice(slice('web', [HERE], undefined, '-4'))
    proxy.deleteSlice('test/web-3-4')
    expect(await answers()).to.include('external-ip serving')
    told.length = 0
    proxy.upsertSlice(slice('web', [HERE], undefined, '-4'))
    expect(await answers()).to.include('external-ip serving')
    expect(told).to.deep.equal([])
  })

  it('is known once the kernel has it, and told then (A7)', async () => {
    const { proxy, kernel, web, answers, told, clock } = await start()
    const { apply } = kernel.routes
    kernel.routes.apply = async (ops) => ops.map(() => new Error('busy'))
    web('Cluster')
    proxy.upsertSlice(slice('web', [HERE]))
    expect(await answers()).to.deep.equal(['cluster-ip pending', 'external-ip pending'])
    kernel.routes.apply = apply
    told.length = 0
    await clock.advance(60_000)
    expect(await answers()).to.deep.equal(['cluster-ip serving', 'external-ip serving'])
    expect(told).to.include('test/web')
  })

  it('is of each Service that shares it by itself, and of nobody where it is refused (A14)', async () => {
    const { proxy, web, answers } = await start()
    web('Local')
    web('Local', 'dns', 53)
    web('Local', 'late', 80)
    proxy.upsertService(service('odd', { clusterIP: '10.96.0.5', externalIPs: ['203.0.113.1'] }))
    for (const name of ['web', 'dns', 'late', 'odd']) proxy.upsertSlice(slice(name, [HERE]))
    expect(await answers('dns')).to.include('external-ip serving')
    proxy.deleteSlice('test/dns-4')
    expect(await answers('dns')).to.include('external-ip none')
    expect(await answers('odd')).to.deep.equal(['cluster-ip serving'])
    expect(
      [...(await answers('web')), ...(await answers('late'))].filter((a) => a.startsWith('ext')),
    ).to.have.length(1)
  })
})

describe('a proxy as the server of Services', () => {
  it('says that it does not work some seconds after it ceased to, and stays registered when the agent ends', async () => {
    const served = new ServedAddresses()
    const clock = new ManualClock()
    const state = { healthy: true }
    let told = 0
    served.subscribe({ changed() {}, serverChanged: () => void told++ })
    const serving = new Serving({
      ...{
        served,
        clock,
        health: () => state,
        complete: () => true,
        reason: () => undefined,
        addressesOf: () => [],
      },
    })
    expect([told, served.server?.problem()]).to.deep.equal([1, undefined])
    state.healthy = false
    await clock.advance(6000)
    expect(told).to.equal(2)
    expect(served.server?.problem()).to.equal(
      'the service proxy does not work: changes do not reach the kernel',
    )
    serving[Symbol.dispose]()
    expect(served.server).to.equal(serving)
    serving.end()
    expect(served.server).to.equal(undefined)
  })
})
