/** What an agent does when its configuration changes while it runs: the file as the kubelet changes it, the effect as others see it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import { CONTROL_PLANE_ADDRESS, CONTROL_PLANE_ADDRESS_V6, type TestNode } from '../support/agent-network.ts'
import { ConfigVolume } from '../support/config-volume.ts'
import { eventually } from '../support/eventually.ts'
import { FrrRouter } from '../support/frr-router.ts'
import { CLIENT_PREFIXES, ROUTER } from '../support/outside-router.ts'
import { watchRoutes } from '../support/watched-routes.ts'

/** From the kubelet's update to the effect, in milliseconds. */
const SOON = 2000

describe('a configuration that changes while the agent runs', function () {
  this.timeout(90_000)
  let cluster: AgentCluster
  let router: FrrRouter
  let one: TestNode
  let two: TestNode

  const config = (podNetwork = '', more = '') =>
    agentConfig(
      cluster.conflist(one),
      `serviceProxy: ${more.includes('#services') ? '{}' : '{ enabled: false }'}\n${more}`,
    ).replace('podNetwork: { ', `podNetwork: { ${podNetwork}${podNetwork ? ', ' : ''}`)
  const configOfTwo = (more = '') =>
    agentConfig(cluster.conflist(two), `apiServer: 'https://${CONTROL_PLANE_ADDRESS}:6443'\n${more}`)
  const routerEntry = (more = '') => `peers: [{address: ${ROUTER.ipv4}, asn: ${ROUTER.asn}${more}}]`
  const change = (podNetwork = '', more = '', files: Readonly<Record<string, string>> = {}) =>
    cluster.configure(one, config(podNetwork, more), files)
  const soon = <T>(condition: () => Promise<T> | T) => eventually(condition, SOON)
  const status = (node = one) => cluster.ask(node, '/status')
  const condition = async (name: string) =>
    (await status()).conditions.find((candidate) => candidate.name === name)
  const peer = async (name: string) =>
    (await cluster.ask(one, '/peers')).peers.find((candidate) => candidate.name === name)
  const exec = (...command: readonly string[]) => cluster.exec(one, ...command)
  const exec2 = (...command: readonly string[]) => cluster.exec(two, ...command)
  const listens = async (port: number) => (await exec('ss', '-Hlnt', `sport = :${port}`)) !== ''
  const metrics = (port: number) => exec('curl', '-sf', `http://127.0.0.1:${port}/metrics`)
  const masquerades = async () =>
    (
      (await exec('nft', 'list', 'chain', 'inet', 'podroute-pod-network', 'pod-egress')).match(
        / masquerade$/gm,
      ) ?? []
    ).length
  const fromRouter = async () =>
    (await cluster.routes(one)).filter((route) => route.endsWith(` via ${ROUTER.ipv4}`)).length

  /** The sessions with node two, and their TCP-MD5 keys where there are any: `ss` prints these before the sessions. */
  const keysOfMesh = () =>
    exec('ss', '-Htni', 'state', 'established', 'dst', two.ipv4, '( dport = :179 or sport = :179 )')

  /** Nothing of the mesh is touched: no route goes, not even for a moment, and its session lasts. */
  const untouched = async (work: () => Promise<unknown>) => {
    const before = await peer(two.name)
    const watch = await watchRoutes(cluster, one)
    await work()
    expect((await watch.stop()).filter((line) => !line.includes(ROUTER.ipv4))).to.deep.equal([])
    const after = await peer(two.name)
    expect(after?.uptime, 'the session of the mesh').to.be.greaterThan(before?.uptime ?? Infinity)
  }
  const events = async () => {
    const selector = `involvedObject.kind=Node,involvedObject.name=${one.name},reason=ConfigurationRefused`
    const json = await cluster.kubectl('get', 'events', '--field-selector', selector, '-o', 'json')
    return (JSON.parse(json) as { items: { message: string }[] }).items.map(({ message }) => message)
  }

  before(async () => {
    cluster = await AgentCluster.start('live-config')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    for (const node of [one, two]) await cluster.registerNode(node, { ready: true })
    router = await FrrRouter.start(cluster, [one])
    await cluster.startAgent(one, config(), { serviceProxy: 'as-configured' })
    await cluster.startAgent(two, configOfTwo(), {
      asPod: { token: await cluster.token() },
    })
    await eventually(async () => (await status()).ready, 30_000)
    await eventually(async () => (await cluster.routes(one)).length === 2)
  })
  after(async () => {
    await router?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })

  it('changes the log: what is written, and how', () =>
    untouched(async () => {
      const changed = () => cluster.said(one, 'the configuration has changed')
      await cluster.configure(one, config().replace('level: debug', 'level: info, format: json'))
      await soon(async () => (await changed()).some((line) => line.startsWith('{')))
      const { length } = await changed()
      await cluster.configure(one, config('masquerade: false').replace('level: debug', 'level: error'))
      await soon(async () => (await masquerades()) === 0)
      expect(await changed()).to.have.length(length)
      await change()
      await soon(async () => (await masquerades()) === 2)
      expect(await changed()).to.have.length(length + 1)
    }))

  it('moves the metrics to another port, and to none', () =>
    untouched(async () => {
      await change('', 'metrics: { port: 20345 }')
      await soon(() => metrics(20345))
      expect(await listens(20245)).to.equal(false)
      await change('', 'metrics: { port: 0 }')
      await soon(async () => !(await listens(20345)))
      // The pages of two keys change places.
      await change('', 'metrics: { port: 20244 }\nhealth: { port: 20245 }')
      await soon(() => metrics(20244))
      await soon(() => exec('curl', '-sf', 'http://127.0.0.1:20245/livez'))
      await change()
      await soon(() => metrics(20245))
      expect(await cluster.probe(one, '/readyz')).to.equal(200)
    }))

  it('serves pages where they were while their new port is taken, says so, and moves when it is free', async () => {
    const program = "require('net').createServer().listen(20346, '::')"
    await cluster.processes.start('occupant', [process.execPath, '-e', program], { netns: one.netns })
    await eventually(() => listens(20346))
    await change('', 'metrics: { port: 20346 }')
    const detail = await soon(async () => (await condition('listeners'))?.detail)
    expect(detail).to.match(/^metrics: .*EADDRINUSE.*20346/)
    await metrics(20245)
    expect((await status()).ready).to.equal(true)
    await cluster.processes.stop((name) => name === 'occupant')
    await eventually(() => metrics(20346), 10_000)
    expect((await condition('listeners'))?.ok).to.equal(true)
    await change()
    await soon(() => metrics(20245))
  })

  it('switches masquerading off and on', () =>
    untouched(async () => {
      await change('masquerade: false')
      await soon(async () => (await masquerades()) === 0)
      await change("noMasquerade: ['198.51.100.0/24']")
      await soon(async () => (await masquerades()) === 2)
      const set = () => exec('nft', 'list', 'set', 'inet', 'podroute-pod-network', 'no-masquerade-4')
      await soon(async () => (await set()).includes('198.51.100.0/24'))
      await change()
      await soon(async () => !(await set()).includes('198.51.100.0/24'))
    }))

  it('changes what pods get: MTU and hairpin, of those that run and those to come', () =>
    untouched(async () => {
      await exec('ip', 'link', 'add', 'pod0', 'type', 'veth', 'peer', 'name', 'pod0-inside')
      await exec('ip', 'link', 'set', 'pod0', 'master', 'kube-bridge', 'up')
      const hairpin = async () => (await exec('cat', '/sys/class/net/pod0/brport/hairpin_mode')).trim()
      const conflist = () => readFile(cluster.conflist(one), 'utf8')
      await change('hairpin: true, mtu: 1400')
      await soon(async () => (await conflist()).includes('1400'))
      await soon(async () => (await exec('cat', '/sys/class/net/kube-bridge/mtu')).trim() === '1400')
      await change('hairpin: false')
      await soon(async () => !(await conflist()).includes('1400'))
      await soon(async () => (await hairpin()) === '0')
      await change()
      await soon(async () => (await hairpin()) === '1')
      await exec('ip', 'link', 'delete', 'pod0')
    }))

  it('meets a router, believes it more or less, and leaves it', () =>
    untouched(async () => {
      await change('', routerEntry())
      await eventually(async () => (await peer(ROUTER.ipv4))?.state === 'established')
      expect(await fromRouter()).to.equal(0)
      const { uptime } = (await peer(ROUTER.ipv4))!
      await change('', routerEntry(`, acceptRoutes: ['${CLIENT_PREFIXES[0]}']`))
      await soon(async () => (await fromRouter()) === 1)
      await change('', routerEntry())
      await soon(async () => (await fromRouter()) === 0)
      expect((await peer(ROUTER.ipv4))?.uptime).to.be.greaterThan(uptime!)
      await change()
      await soon(async () => (await peer(ROUTER.ipv4)) === undefined)
      await eventually(async () => (await router.learned()).every((prefix) => !prefix.startsWith('10.244')))
    }))

  it('takes the password of a router from a Secret that changes (A9)', () =>
    untouched(async () => {
      const secret = cluster.volume(one).file('router')
      const withKey = (text: string) =>
        change('', routerEntry(`, passwordFile: ${secret}`), { router: `${text}\n` })
      const routerKey = (text: string) =>
        router.vtysh(
          'configure terminal',
          `router bgp ${ROUTER.asn}`,
          `neighbor ${one.ipv4} password ${text}`,
        )
      await routerKey('first')
      await withKey('first')
      await eventually(async () => (await peer(ROUTER.ipv4))?.state === 'established', 20_000)
      // This end goes over to it on the session that there is; FRR ends its own for another key.
      const { established } = (await peer(ROUTER.ipv4))!.counters
      await withKey('second')
      await routerKey('second')
      await eventually(async () => {
        const now = await peer(ROUTER.ipv4)
        return now?.state === 'established' && now.counters.established > established
      }, 20_000)
      await change()
      await soon(async () => (await peer(ROUTER.ipv4)) === undefined)
    }))

  it('goes over to another API server, and sees there what happens', () =>
    untouched(async () => {
      await eventually(async () => (await status(two)).ready, 30_000)
      const nodes = async () => (await status(two)).watches.find(({ name }) => name === 'nodes')!
      const before = await nodes()
      const server = `https://[${CONTROL_PLANE_ADDRESS_V6}]:6443`
      await cluster.configure(two, agentConfig(cluster.conflist(two), `apiServer: '${server}'`))
      await soon(async () => (await status(two)).apiServer === server)
      await soon(async () => (await exec2('ss', '-Hnt', 'dport = :6443')).includes(CONTROL_PLANE_ADDRESS_V6))
      await soon(async () => !(await exec2('ss', '-Hnt', 'dport = :6443')).includes(CONTROL_PLANE_ADDRESS))
      await cluster.kubectl('label', '--overwrite', 'node', two.name, 'seen=there')
      await soon(async () => (await nodes()).events > before.events)
      const after = await nodes()
      expect([after.lists, after.failures]).to.deep.equal([before.lists, before.failures])
    }))

  it('switches the service proxy on and off', () =>
    untouched(async () => {
      const kinds = async () =>
        (await status()).watches
          .map(({ name }) => name)
          .sort()
          .join()
      const without = 'clusternetworkpolicies,networkpolicies,nodes,servicecidrs'
      expect(await kinds()).to.equal(without)
      expect(await listens(10256)).to.equal(false)
      await change('', '#services')
      await soon(() => listens(10256))
      await soon(
        async () =>
          (await kinds()) ===
          'clusternetworkpolicies,endpointslices,networkpolicies,nodes,servicecidrs,services',
      )
      expect((await cluster.podroute(one, '--help')).stdout).to.match(/^ +services /m)
      await change()
      await soon(async () => !(await listens(10256)))
      await soon(async () => (await kinds()) === without)
      expect((await cluster.podroute(one, '--help')).stdout).not.to.match(/^ +services /m)
      await soon(async () => (await status()).ready)
      expect(await exec('nft', 'list', 'tables', 'inet')).not.to.include('podroute-service-proxy')
    }))

  it('switches the pod network off and on: sessions and routes go, the bridge stays', async () => {
    await change('enabled: false')
    await soon(async () => (await cluster.routes(one)).length === 0)
    await soon(async () => (await readFile(cluster.conflist(one), 'utf8').catch(() => '')) === '')
    expect(await exec('ip', 'link', 'show', 'kube-bridge')).to.include('kube-bridge')
    await eventually(async () => (await cluster.routes(two)).length === 0)
    await change()
    await eventually(async () => (await status()).ready)
    await eventually(async () => (await cluster.routes(one)).length === 2)
  })

  it('says of the bridge that it cannot change under running pods, and what to do', () =>
    untouched(async () => {
      await change('bridge: other')
      const way =
        /^podNetwork\.bridge: .*drain the node, delete that bridge and restart the agent to use other$/
      await soon(async () => way.test((await condition('configuration'))?.detail ?? ''))
      expect(await exec('ip', '-o', 'link', 'show', 'type', 'bridge')).to.include('kube-bridge')
      expect((await status()).ready).to.equal(true)
      // Said again by no other change, and gone when it is taken back.
      await change('bridge: other, masquerade: false')
      await soon(async () => (await masquerades()) === 0)
      expect(await cluster.said(one, 'not all of the configuration can change')).to.have.length(1)
      await change()
      await soon(async () => (await condition('configuration'))?.ok)
      await soon(async () => (await masquerades()) === 2)
    }))

  it('goes on with the last good one when it is wrong, and says so once wherever one looks', () =>
    untouched(async () => {
      const wrong = config('', 'serviceproxy: {}')
      await cluster.configure(one, wrong)
      const detail = 'serviceproxy: unknown key, did you mean "serviceProxy"?'
      await soon(async () => (await condition('configuration'))?.detail === detail)
      expect((await cluster.podroute(one, 'status')).stdout).to.include(detail)
      await soon(async () => (await events()).some((text) => text.includes(detail)))
      // The kubelet repeats itself; so does nobody here.
      const { watches } = await status()
      await cluster.configure(one, `${wrong}# touched\n`)
      await cluster.configure(one, `${wrong}# again\n`)
      await change('masquerade: false')
      await soon(async () => (await masquerades()) === 0)
      expect((await condition('configuration'))?.ok).to.equal(true)
      expect(await cluster.said(one, 'the configuration cannot be used')).to.have.length(1)
      expect(await events()).to.have.length(1)
      expect((await status()).watches.map(({ lists }) => lists)).to.deep.equal(
        watches.map(({ lists }) => lists),
      )
      await change()
      await soon(async () => (await masquerades()) === 2)
    }))

  for (const [what, text, problem] of [
    ['is no YAML', 'asn: [', /^YAML: /],
    ['names something that is nowhere', 'asn: *other', /^YAML: .*other/],
    ['grows without end', bomb(), /^YAML: .*alias/],
    ['is no list of keys', '- asn', /^the file: /],
    [
      'names a Secret that is not there',
      "bgp: { meshPasswordFile: '/nowhere/mesh' }",
      /^bgp\.meshPasswordFile: /,
    ],
  ] as const) {
    it(`goes on with the last good one when it ${what}`, async () => {
      const pid = cluster.agentPid(one)
      await cluster.configure(one, text)
      await soon(async () => problem.test((await condition('configuration'))?.detail ?? ''))
      await change()
      await soon(async () => (await condition('configuration'))?.ok)
      expect(cluster.agentPid(one)).to.equal(pid)
    })
  }

  it('waits for a Secret that is not there yet', async () => {
    const folder = join(cluster.directory, 'later')
    await change('', `bgp: { meshPasswordFile: ${join(folder, 'mesh')} }`)
    await soon(async () => (await condition('configuration'))?.ok === false)
    await cluster.exec(one, 'mkdir', folder)
    await writeFile(join(folder, 'mesh'), 'hush\n')
    await eventually(async () => (await condition('configuration'))?.ok, 10_000)
    // The other node has none: from now on neither hears the other, until this one has none again.
    await eventually(async () => (await keysOfMesh()).includes('hush'))
    await change()
    await eventually(async () => !(await keysOfMesh()).includes('md5keys'))
    await eventually(async () => (await peer(two.name))?.state === 'established')
  })

  it('takes the password between nodes from the Secret once it is there, another one, and none, without a lost route', async () => {
    const secret = new ConfigVolume(join(cluster.directory, 'secrets'))
    await secret.write({})
    const more = `bgp: { secretFolder: ${secret.path} }`
    await change('', more)
    await cluster.configure(two, configOfTwo(more))
    const watch = await watchRoutes(cluster, one)
    for (const mesh of ['first', 'second', undefined]) {
      await secret.write(mesh === undefined ? {} : { mesh: `${mesh}\n` })
      await eventually(async () => {
        const shown = await keysOfMesh()
        return shown.includes('md5keys') === (mesh !== undefined) && shown.includes(mesh ?? '')
      }, 20_000)
      await eventually(async () => (await peer(two.name))?.state === 'established', 20_000)
      expect((await condition('configuration'))?.ok).to.equal(true)
    }
    expect((await watch.stop()).filter((line) => !line.includes(ROUTER.ipv4))).to.deep.equal([])
    await change()
    await cluster.configure(two, configOfTwo())
  })

  describe('and is wrong when the agent starts', () => {
    const WRONG = 'asn: 0\nhealth: { port: -1 }'

    it('starts with the last good one, says so in the log and in an Event, and takes the next good one', async () => {
      const before = (await events()).length
      await change('masquerade: false')
      await soon(async () => (await masquerades()) === 0)
      await cluster.killAgent(one)
      await cluster.startAgent(one, WRONG, { serviceProxy: 'as-configured' })
      await eventually(async () => (await status()).ready, 30_000)
      expect(await masquerades()).to.equal(0)
      expect((await condition('configuration'))?.detail).to.match(/^health\.port: .*, and 1 more$/)
      await eventually(async () => (await events()).length === before + 1)
      await change()
      await soon(async () => (await masquerades()) === 2)
      expect((await condition('configuration'))?.ok).to.equal(true)
    })

    it('ends with status 2 and every problem on standard error where no good one is known', async () => {
      const fresh = await cluster.addNamespace()
      const { code, stderr, stdout } = await cluster.runAgent(fresh, WRONG)
      expect(code).to.equal(2)
      expect(stderr).to.match(/^the configuration cannot be used:\n {2}health\.port: .*\n {2}asn: .*\n$/)
      expect(stdout).to.equal('')
    })

    it('ends likewise with --strict, though a good one is known', async () => {
      await cluster.killAgent(one)
      const { code, stderr } = await cluster.runAgent(one, WRONG, { flags: ['--strict'] })
      expect([code, stderr.split('\n').length]).to.deep.equal([2, 4])
    })

    it('ends with --strict when it becomes wrong while the agent runs, and leaves the routes', async () => {
      const routes = await cluster.routes(one)
      const ended = cluster.runAgent(one, config(), { flags: ['--strict'] })
      await eventually(async () => (await status()).ready)
      await cluster.configure(one, 'asn: 0')
      const { code, stdout } = await ended
      expect(code).to.equal(2)
      expect(stdout).to.match(/the configuration cannot be used.*asn: /)
      expect(await cluster.routes(one)).to.deep.equal(routes)
    })
  })
})

/** Lists of lists: some kilobytes that would be gigabytes. */
function bomb(): string {
  const levels = 'abcdefghi'.split('')
  const line = (name: string, of: string) => `${name}: &${name} [${Array(9).fill(of).join(', ')}]`
  return levels.map((name, i) => line(name, i === 0 ? 'x' : `*${levels[i - 1]}`)).join('\n')
}
