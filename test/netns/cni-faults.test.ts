import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { buildReferencePlugins } from '../../lab/tools/reference-plugins.ts'
import {
  bridgeConfig,
  dualStack,
  ipamConfig,
  leasedAddresses,
  leases,
} from '../../packages/cni/testing/configurations.ts'
import type { Call } from '../../packages/cni/testing/world.ts'
import { callLine, randomFrom } from './cni-script.ts'
import { buildPlugins, command, NetnsWorld } from './cni-world.ts'

const ROUNDS = 10
const KILLS = 20
const AT_ONCE = 100
const REMOVALS = 40

describe('CNI plugins under faults on the real kernel', () => {
  let plugins = ''
  let reference = ''
  let world: NetnsWorld
  before(async () => {
    plugins = buildPlugins()
    reference = await buildReferencePlugins()
  })
  after(() => rmSync(plugins, { recursive: true, force: true }))
  beforeEach(() => {
    world = new NetnsWorld(plugins)
  })
  afterEach(() => world.dispose())

  /** Runs the lines in the host's namespace, by one shell. */
  const script = (lines: readonly string[]) => world.inHost('sh', '-c', lines.join('\n'))

  const vethsOf = (place: string) => world.links(place).filter((link) => link.kind === 'veth')

  const bridgeCall = (name: string, containers: ReadonlyMap<string, string>, changes: object = {}): Call => ({
    command: name,
    config: bridgeConfig(
      world,
      {
        cniVersion: '1.1.0',
        isDefaultGateway: true,
        ipMasq: true,
        ipMasqBackend: 'nftables',
        macspoofchk: true,
        ...changes,
      },
      dualStack,
    ),
    containerId: [...containers.keys()][0]!,
    netns: [...containers.values()][0]!,
  })

  function expectNothingLeft(containers: ReadonlyMap<string, string>): void {
    expect(leasedAddresses(world), 'leases').to.deep.equal([])
    expect(world.list(join(world.data, '.podroute', 'testnet')), 'index').to.deep.equal([])
    expect(vethsOf('host'), 'links').to.deep.equal([])
    for (const netns of containers.values()) expect(vethsOf(netns), netns).to.deep.equal([])
    const rules = world.inHost('nft', 'list', 'ruleset')
    for (const id of containers.keys()) expect(rules, 'rules').not.to.match(new RegExp(`\\b${id}\\b`))
  }

  /** Every address that a container has is leased to that container, and nobody has another's. */
  function expectOwnAddresses(containers: ReadonlyMap<string, string>): void {
    const seen = new Set<string>()
    for (const [id, netns] of containers)
      for (const prefix of vethsOf(netns).flatMap((link) => link.addresses)) {
        const address = prefix.split('/')[0]!
        expect(seen.has(address), `${address} twice`).to.equal(false)
        seen.add(address)
        expect(world.read(`${leases(world)}/${address}`).split('\r\n')[0]).to.equal(id)
      }
  }

  it(`ADD killed at ${ROUNDS * KILLS} random moments: DEL or GC leaves nothing, no address is given twice`, function () {
    this.timeout(120_000)
    const seed = Date.now() % 1_000_000
    console.log(`      seed ${seed}`)
    const random = randomFrom(seed)
    const containers = new Map(
      Array.from({ length: KILLS }, (_, i) => [`killed${i}`, world.addContainer(`k${i}`)]),
    )
    const input = join(world.data, '..', 'config.json')
    const call = (name: string, id: string): Call => ({
      ...bridgeCall(name, new Map([[id, containers.get(id)!]])),
    })
    world.write(input, JSON.stringify(bridgeCall('ADD', containers).config))
    const gc = join(world.data, '..', 'gc.json')
    world.write(gc, JSON.stringify(bridgeCall('GC', containers, { 'cni.dev/valid-attachments': [] }).config))
    const ids = [...containers.keys()]
    const duration = measure(call('ADD', 'killed0'), call('DEL', 'killed0'), input)
    let killed = 0
    for (let round = 0; round < ROUNDS; round++) {
      const adds = ids.map((id) => {
        const wrapper = `timeout -s KILL ${(random() * duration).toFixed(6)}`
        return `${callLine(world, 'bridge', call('ADD', id), input, { wrapper })} > /dev/null; echo $?`
      })
      const statuses = script(adds).trim().split('\n')
      expect(statuses.filter((status) => status !== '137' && status !== '0')).to.deep.equal([])
      killed += statuses.filter((status) => status === '137').length
      expectOwnAddresses(containers)
      if (round % 2 === 0)
        expect(
          script([...ids.map((id) => `{ ${callLine(world, 'bridge', call('DEL', id), input)}; } &`), 'wait']),
        ).to.equal('')
      else script([callLine(world, 'bridge', { command: 'GC', config: undefined }, gc)])
      expectNothingLeft(containers)
    }
    expect(killed, 'ADDs that did not come to their end').to.be.greaterThan((ROUNDS * KILLS) / 4)
  })

  it(`${REMOVALS} namespaces removed at random moments of ADD: an error or a result, and DEL leaves nothing`, function () {
    this.timeout(60_000)
    const seed = Date.now() % 1_000_000
    console.log(`      seed ${seed}`)
    const random = randomFrom(seed)
    const name = `${world.host}-gone`
    const containers = new Map([['gone', `/var/run/netns/${name}`]])
    const input = join(world.data, '..', 'config.json')
    world.write(input, JSON.stringify(bridgeCall('ADD', containers).config))
    const line = (word: string) => callLine(world, 'bridge', bridgeCall(word, containers), input)
    const answers = script(
      Array.from({ length: REMOVALS }, (_, i) => {
        // The first one is removed before ADD begins.
        const begin = i === 0 ? '' : `sleep ${(random() * 0.01).toFixed(4)} &&`
        const remove = `${begin} ip netns del ${name}`
        return `ip netns add ${name}; ${i === 0 ? remove : `{ ${remove}; } &`}
          ${line('ADD')} > ${input}.out; echo $? $(cat ${input}.out); wait; ${line('DEL')} > ${input}.out; echo $?`
      }),
    )
      .trim()
      .split('\n')
    const [adds, dels] = [0, 1].map((turn) => answers.filter((_, i) => i % 2 === turn)) as [
      string[],
      string[],
    ]
    expect(dels).to.deep.equal(new Array(REMOVALS).fill('0'))
    for (const answer of adds) {
      const json = JSON.parse(answer.slice(2)) as Record<string, unknown>
      expect(json, answer).to.have.property(answer.startsWith('0 ') ? 'ips' : 'code')
    }
    expect(adds[0]).to.match(/^1 .*failed to open netns/)
    // The kernel takes the links down with the namespace, a moment after the last one who has it open.
    script(['for i in $(seq 200); do ip link show type veth | grep -q . || break; sleep 0.02; done'])
    expectNothingLeft(new Map())
    expect(script(['nft list ruleset'])).not.to.match(/\bgone\b/)
  })

  /** Seconds that a whole ADD takes under the shell, the least of five. */
  function measure(add: Call, del: Call, input: string): number {
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < 5; i++) {
      const line = callLine(world, 'bridge', add, input, { wrapper: 'timeout -s KILL 9' })
      const [from, to] = script(['date +%s%N', `${line} > /dev/null`, 'date +%s%N'])
        .trim()
        .split('\n')
      script([callLine(world, 'bridge', del, input)])
      least = Math.min(least, (Number(to) - Number(from)) / 1e9)
    }
    return least
  }

  it(`${AT_ONCE} ADDs at once by both implementations give ${AT_ONCE} addresses; each removes the other’s`, () => {
    const directories = [plugins, reference]
    const input = join(world.data, '..', 'config.json')
    world.write(input, JSON.stringify(ipamConfig(world)))
    const outputs = join(world.data, '..', 'out')
    const all = (name: string, turn: number) =>
      Array.from({ length: AT_ONCE }, (_, i) => {
        const call: Call = { command: name, config: undefined, containerId: `p${i}`, netns: '/dev/null' }
        const line = callLine(world, 'host-local', call, input, { plugins: directories[(i + turn) % 2]! })
        return `${line} > ${outputs}.${i} &`
      })
    script([...all('ADD', 0), 'wait'])
    const given = Array.from({ length: AT_ONCE }, (_, i) => {
      const result = JSON.parse(world.read(`${outputs}.${i}`)) as { ips: { address: string }[] }
      return result.ips[0]!.address.split('/')[0]!
    })
    expect(new Set(given).size).to.equal(AT_ONCE)
    expect(leasedAddresses(world)).to.have.members(given)
    script([...all('DEL', 1), 'wait'])
    expect(leasedAddresses(world)).to.deep.equal([])
  })

  it('iptables rules of either implementation are removed by the other one’s DEL', () => {
    const netns = world.addContainer('one')
    const base = { cniVersion: '1.0.0', name: 'n', type: 'portmap' }
    const prevResult = {
      cniVersion: '1.0.0',
      ips: [{ address: '10.77.0.2/24' }, { address: 'fd77::2/64' }],
    }
    const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }]
    const configs = {
      bridge: bridgeConfig(world, { isGateway: true, ipMasq: true }, dualStack),
      portmap: { ...base, runtimeConfig: { portMappings }, prevResult },
    }
    const backend = { backend: 'iptables', ipMasqBackend: 'iptables' }
    const run = (directory: string, name: string, changes: object) => {
      for (const [plugin, config] of Object.entries(configs)) {
        const call: Call = { command: name, containerId: 'c1', netns, config: { ...config, ...changes } }
        const answer = world.run(plugin, call, directory)
        expect(answer.status, `${directory} ${plugin} ${name}: ${answer.output}`).to.equal(0)
      }
    }
    const left = () => world.inHost('sh', '-c', '(iptables-save; ip6tables-save) | grep c1 || true')
    run(plugins, 'ADD', backend)
    expect(left())
      .to.match(/-j CNI-DN-/)
      .and.to.match(/-A POSTROUTING -s fd77::2/)
    run(reference, 'DEL', backend)
    expect(left()).to.equal('')
    run(reference, 'ADD', backend)
    // Also when the configuration names no backend: the node may have been the reference's until now.
    run(plugins, 'DEL', {})
    expect(left()).to.equal('')
  })

  it('writes the shared rules of portmap again when somebody has changed them, and only then', () => {
    const add = (containerId: string) => {
      const prevResult = { cniVersion: '1.0.0', ips: [{ address: '10.77.0.2/24' }] }
      const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }]
      const config = {
        cniVersion: '1.0.0',
        name: 'n',
        type: 'portmap',
        runtimeConfig: { portMappings },
        prevResult,
      }
      const answer = world.run('portmap', { command: 'ADD', containerId, netns: '/dev/null', config })
      expect(answer.status, answer.output).to.equal(0)
    }
    const shared = () =>
      ['prerouting', 'output', 'hostports_all'].map((chain) =>
        world.inHost('nft', '-a', 'list', 'chain', 'ip', 'cni_hostport', chain),
      )
    add('c1')
    const first = shared()
    add('c2')
    expect(shared(), 'handles and all').to.deep.equal(first)
    const withoutHandles = (texts: string[]) => texts.map((text) => text.replace(/# handle \d+/g, ''))
    for (const change of [
      ['flush', 'chain', 'ip', 'cni_hostport', 'prerouting'],
      ['add', 'rule', 'ip', 'cni_hostport', 'output', 'accept'],
      ['flush', 'ruleset'],
    ]) {
      world.inHost('nft', ...change)
      add(`after-${change[0]}-${change[1]}`)
      expect(withoutHandles(shared()), change.join(' ')).to.deep.equal(withoutHandles(first))
    }
  })

  describe('with a lease directory on a file system of its own', () => {
    beforeEach(() => {
      world.write(join(world.data, 'mounted'), '')
      command('mount', '-t', 'tmpfs', '-o', 'size=64k', 'podroute-cni-test', world.data)
    })
    afterEach(() => {
      command('umount', world.data)
    })

    const expectRefusal = (netns: string, pattern: RegExp) => {
      const containers = new Map([['c1', netns]])
      const answer = world.run('bridge', bridgeCall('ADD', containers))
      expect(answer.status, answer.output).to.equal(1)
      expect(answer.json?.code).to.equal(999)
      expect(answer.json?.msg).to.match(pattern)
      expect(vethsOf('host')).to.deep.equal([])
    }

    it('a full disk is an error that leaves nothing, and over once there is space', () => {
      const netns = world.addContainer('one')
      const containers = new Map([['c1', netns]])
      expect(world.run('bridge', bridgeCall('ADD', containers)).status).to.equal(0)
      expect(world.run('bridge', bridgeCall('DEL', containers)).status).to.equal(0)
      world.inHost('sh', '-c', `head -c 100000 /dev/zero > ${world.data}/full 2> /dev/null || true`)
      expectRefusal(netns, /[Nn]o space left/)
      expect(leasedAddresses(world)).to.deep.equal([])
      world.remove(`${world.data}/full`)
      expect(world.run('bridge', bridgeCall('ADD', containers)).status).to.equal(0)
      world.inHost('sh', '-c', `head -c 100000 /dev/zero > ${world.data}/full 2> /dev/null || true`)
      expect(world.run('bridge', bridgeCall('DEL', containers)).status, 'DEL on a full disk').to.equal(0)
      expectNothingLeft(containers)
    })

    it('a read-only directory is an error that leaves nothing', () => {
      const netns = world.addContainer('one')
      command('mount', '-o', 'remount,ro', world.data)
      expectRefusal(netns, /[Rr]ead-only/)
    })
  })
})
