import { expect } from 'chai'
import { FakeWorld } from '../testing/fake-world.ts'

const SOCKET = '/run/podroute/policy.sock'
const NAMESPACES = '/run/podroute/policy-namespaces'
const ARGS = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=u-1'

function configuration(networkPolicy: object | undefined) {
  return {
    ...{ cniVersion: '1.0.0', name: 'pods', type: 'bridge', bridge: 'pods0' },
    ...(networkPolicy === undefined ? {} : { networkPolicy }),
    ipam: { type: 'host-local', dataDir: '/var/lib/cni/test', ranges: [[{ subnet: '10.1.0.0/24' }]] },
  }
}

function start(answer?: (text: string) => string | undefined) {
  const world = new FakeWorld()
  world.machine.files.makeDirectories('/run/podroute')
  if (answer) world.machine.sockets.set(SOCKET, answer)
  let containers = 0
  const run = (networkPolicy: object | undefined, args: string) => {
    const containerId = `c${++containers}`
    const netns = world.addContainer(containerId)
    return world.run('bridge', {
      command: 'ADD',
      containerId,
      netns,
      args,
      config: configuration(networkPolicy),
    })
  }
  const add = (more: object = {}, args = ARGS) =>
    run({ folder: '/run/podroute', podStart: 'selected', timeout: 500, ...more }, args)
  return { world, add, run }
}

const ports = (world: FakeWorld) => world.links('host').filter(({ name }) => name.startsWith('veth'))

describe('waiting for network policies', () => {
  it('tells the agent whose the addresses are, and goes on when all is in place', () => {
    const asked: string[] = []
    const { world, add } = start((text) => {
      asked.push(text)
      return '{"state":"ready"}\n'
    })
    expect(add().status).to.equal(0)
    expect(asked).to.deep.equal(['{"namespace":"shop","name":"web","uid":"u-1","addresses":["10.1.0.2"]}\n'])
    expect(ports(world)).to.have.length(1)
  })

  it('takes back everything when they are not, and says why', () => {
    const { world, add } = start(() => '{"state":"failed","reason":"the kernel has no room"}\n')
    const { status, json } = add()
    expect([status, json!.code, json!.msg]).to.deep.equal([
      ...[1, 11],
      'the network policies of pod shop/web are not in place: the kernel has no room',
    ])
    expect(ports(world)).to.deep.equal([])
    expect(world.list('/var/lib/cni/test/pods').filter((name) => name.startsWith('10.'))).to.deep.equal([])
  })

  it('does without an agent what the setting and the last agent said', () => {
    const { world, add } = start()
    expect(add().json!.msg).to.match(/nor has any said since the node started/)
    world.write(NAMESPACES, 'bank\nshops')
    expect(add().status, 'no policy in its namespace').to.equal(0)
    expect(add({ podStart: 'always' }).status).to.equal(1)
    for (const text of ['bank\nshop', '*']) {
      world.write(NAMESPACES, text)
      expect(add().json!.code, text).to.equal(11)
    }
  })

  it('takes silence, an agent that ended, and one that knows no policies for none', () => {
    for (const [answer, reason] of [
      [undefined, /has not answered in 1500 ms/],
      ['', /ended before it answered/],
      ['{"state":"unknown","reason":"waiting for networkpolicies"}', /waiting for networkpolicies/],
      ['junk', /no answer of the podroute agent/],
    ] as const) {
      const { world, add } = start(() => answer)
      world.write(NAMESPACES, 'shop')
      expect(add().json!.msg).to.match(reason)
      world.write(NAMESPACES, 'bank')
      expect(add().status).to.equal(0)
    }
  })

  it('asks nothing for containers that are no pods, nor where the configuration says nothing of it', () => {
    const { add, run } = start(() => expect.fail('asked'))
    expect(add({}, '').status).to.equal(0)
    expect(run(undefined, ARGS).status).to.equal(0)
    expect(add({ podStart: 'sometimes' }).json!.msg).to.match(/networkPolicy.podStart is "sometimes"/)
  })
})
