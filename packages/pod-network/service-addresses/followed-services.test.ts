/** Services as a cluster tells them, whoever serves them: what is announced follows from the objects that there are, never from their order. */

import { cidr } from '@podroute/address/cidr.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import { nodeObject } from '@podroute/cluster/testing/objects.ts'
import { ServedAddresses, type ServiceServer } from '@podroute/feature/served-addresses.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { AnnouncementClaims } from '../bgp/announcements.ts'
import { testNode } from '../testing/fixtures.ts'
import { NamedTimers } from '../timers.ts'
import { FollowedServices } from './followed-services.ts'
import { ServiceAddresses } from './service-addresses.ts'
import { NO_SERVICE_ADDRESSES, type ServiceAddressSettings } from './settings.ts'

const RANGE = cidr('198.51.100.0/24')
const HERE = 'node-1'

class Follower {
  readonly cluster = new ClusterState()
  readonly served = new ServedAddresses()
  readonly table = new Map<string, object>()
  readonly dirty = new Set<string>()
  readonly said: string[] = []
  settings: ServiceAddressSettings
  readonly followed: FollowedServices
  readonly #addresses: ServiceAddresses
  readonly #local = testNode(1)

  constructor(settings: Partial<ServiceAddressSettings>) {
    this.settings = { ...NO_SERVICE_ADDRESSES, ...settings }
    this.cluster.set('nodes', HERE, nodeObject(HERE))
    const changed = (services: Iterable<string>) => {
      for (const key of services) this.dirty.add(key)
    }
    this.followed = new FollowedServices({
      ...{ nodeName: HERE, cluster: this.cluster, served: this.served, changed, servedChanged: changed },
      reserved: { has: () => false },
      settings: () => this.settings,
      allChanged: () => this.#addresses.markAll(),
    })
    const clock = new ManualClock()
    this.#addresses = new ServiceAddresses({
      ...{ source: this.followed, claims: new AnnouncementClaims(this.table), clock },
      timers: new NamedTimers(clock),
      settings: () => this.settings,
      routers: () => [],
      leaving: () => undefined,
      mark: (key) => void this.dirty.add(key),
      markLocal() {},
      wrong: (_service, detail) => void this.said.push(detail),
    })
    this.followed.start()
  }

  /** What is announced once all that is dirty is planned. */
  announced(): string[] {
    this.#addresses.localChanged(this.#local)
    for (const key of this.dirty) this.#addresses.plan(key, this.#local)
    this.dirty.clear()
    return [...this.table.keys()].sort()
  }
}

const service = (name: string, address: string, policy: string, type = 'ClusterIP') => ({
  metadata: { namespace: 'shop', name },
  spec: {
    ...{ type, clusterIP: '10.96.0.9', ports: [{ port: 80 }], externalTrafficPolicy: policy },
    externalIPs: type === 'ClusterIP' ? [address] : [],
  },
  status: { loadBalancer: { ingress: [{ ip: address }] } },
})

const slice = (name: string, of: string, nodeName: string, ready: boolean) => ({
  metadata: { namespace: 'shop', name, labels: { 'kubernetes.io/service-name': of } },
  ...{ addressType: 'IPv4', ports: [{ port: 80 }] },
  endpoints: [{ addresses: ['10.244.9.9'], nodeName, conditions: { ready } }],
})

describe('Services that are followed', () => {
  it('are not as long as nobody may want one announced', () => {
    const off = new Follower({})
    expect(off.cluster.isFollowed('services')).to.equal(false)
    off.settings = { ...off.settings, kinds: ['external-ip'], ranges: [RANGE] }
    off.followed.look()
    expect([off.cluster.isFollowed('services'), off.cluster.isFollowed('endpointslices')]).to.deep.equal([
      true,
      true,
    ])
    off.settings = { ...off.settings, kinds: [] }
    off.followed.look()
    expect([off.cluster.isFollowed('services'), off.cluster.isFollowed('endpointslices')]).to.deep.equal([
      ...[false, false],
    ])
  })

  it('are asked of whoever serves them, as soon as somebody does, and by the rule again when he ceases to', () => {
    const follower = new Follower({ kinds: ['external-ip'], ranges: [RANGE] })
    const { cluster } = follower
    cluster.set('services', 'shop/web', service('web', '198.51.100.1', 'Cluster'))
    cluster.set('endpointslices', 'shop/web-1', slice('web-1', 'web', 'node-2', true))
    expect(follower.announced()).to.deep.equal(['198.51.100.1/32'])
    let complete = false
    const server: ServiceServer = {
      problem: () => undefined,
      complete: () => complete,
      addressesOf: () => [],
    }
    const registration = follower.served.serve(server)
    expect(cluster.isFollowed('endpointslices')).to.equal(false)
    cluster.synced('services')
    // Until it knows all of them nothing that is announced goes.
    expect(follower.announced()).to.deep.equal(['198.51.100.1/32'])
    complete = true
    follower.served.serverChanged()
    expect([follower.announced(), follower.followed.complete()]).to.deep.equal([[], true])
    registration[Symbol.dispose]()
    cluster.synced('endpointslices')
    cluster.set('endpointslices', 'shop/web-1', slice('web-1', 'web', 'node-2', true))
    expect(follower.announced()).to.deep.equal(['198.51.100.1/32'])
  })

  it('are complained about once for each annotation that means nothing', () => {
    const follower = new Follower({ kinds: ['external-ip'] })
    const web = service('web', '198.51.100.1', 'Cluster')
    const annotated = (text: string) => ({
      ...web,
      metadata: { ...web.metadata, annotations: { 'podroute.io/service.advertise.clusterip': text } },
    })
    for (const text of ['yes', 'yes ', 'true', 'yes']) {
      follower.cluster.set('services', 'shop/web', annotated(text))
      follower.announced()
    }
    const detail =
      'metadata.annotations[podroute.io/service.advertise.clusterip]: neither true nor false: yes'
    expect(follower.said).to.deep.equal([detail, detail])
  })

  it('lose what a load balancer gave them with their type, though the status names it still (A14)', () => {
    const follower = new Follower({ kinds: ['load-balancer-ip'] })
    const { cluster } = follower
    for (const kind of ['services', 'endpointslices'] as const) cluster.synced(kind)
    cluster.set('endpointslices', 'shop/web-1', slice('web-1', 'web', 'node-2', true))
    cluster.set('services', 'shop/web', service('web', '198.51.100.1', 'Cluster', 'LoadBalancer'))
    expect(follower.announced()).to.deep.equal(['198.51.100.1/32'])
    cluster.set('services', 'shop/web', service('web', '198.51.100.1', 'Cluster'))
    expect(follower.announced()).to.deep.equal([])
  })

  it('are announced by what they are, whatever they were before: slices and Services at random (A6)', () => {
    const seed = testSeed()
    const random = seeded(seed)
    const pick = (count: number) => Math.floor(random() * count)
    const settings = {
      kinds: ['external-ip'] as const,
      ranges: [RANGE],
      aggregates: [cidr('198.51.100.128/25')],
    }
    const follow = () => {
      const follower = new Follower(settings)
      for (const kind of ['services', 'endpointslices'] as const) follower.cluster.synced(kind)
      return follower
    }
    const walked = follow()
    const services = new Map<string, ReturnType<typeof service>>()
    const slices = new Map<string, ReturnType<typeof slice>>()
    const one = () => {
      const [name, address] = [`s${pick(4)}`, `198.51.100.${pick(2) * 150 + pick(2)}`]
      const [part, node] = [`p${pick(6)}`, `node-${1 + pick(2)}`]
      const [key, partKey] = [`shop/${name}`, `shop/${part}`]
      const what = pick(5)
      if (what === 0 && services.delete(key)) walked.cluster.delete('services', key)
      else if (what === 1) services.set(key, service(name, address, pick(2) ? 'Local' : 'Cluster'))
      else if (what === 2 && slices.delete(partKey)) walked.cluster.delete('endpointslices', partKey)
      else slices.set(partKey, slice(part, name, node, pick(3) > 0))
      if (services.has(key)) walked.cluster.set('services', key, services.get(key)!)
      if (slices.has(partKey)) walked.cluster.set('endpointslices', partKey, slices.get(partKey)!)
    }
    for (let step = 0; step < 400; step++) {
      for (let n = 0; n <= pick(3); n++) one()
      const fresh = follow()
      for (const [key, object] of slices) fresh.cluster.set('endpointslices', key, object)
      for (const [key, object] of services) fresh.cluster.set('services', key, object)
      expect(walked.announced(), `seed ${seed}, step ${step}`).to.deep.equal(fresh.announced())
      expect([...walked.table.values()]).to.have.deep.members([...fresh.table.values()])
    }
  })
})
