/** A node after the agent and `podroute cleanup` is byte for byte what it was before them. */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { expect } from 'chai'
import { buildDist } from '../../lab/images/dist.ts'
import { eventually } from '../support/eventually.ts'
import { type Api, startAgent, startApi } from './support/agent.ts'

const run = promisify(execFile)
const NODE = 'pr-cleanup-node'
const LAN = 'pr-cleanup-lan'
/** What a kernel counts, and what it takes a new random number for. */
const VOLATILE = /nf_conntrack_count|stable_secret|dev_weight|\.neigh\.|somaxconn/
const DUMPS = [
  'ip -d addr',
  'ip -d link',
  'ip route show table all',
  'ip -6 route show table all',
  'ip rule; ip -6 rule',
  'ip nexthop',
  'nft list ruleset',
  'cat /proc/net/ip_vs',
  'sysctl -a 2>/dev/null | grep ^net',
]

describe('podroute cleanup', () => {
  const stack = new AsyncDisposableStack()
  let api: Api
  let folder: string
  let original: Readonly<Record<string, string>>

  before(async function () {
    this.timeout(300_000)
    folder = await mkdtemp(join(tmpdir(), 'podroute-cleanup-'))
    stack.defer(() => rm(folder, { recursive: true, force: true }))
    // Modules stay loaded, and parameters come with them.
    await run('modprobe', ['-a', 'br_netfilter', 'nf_conntrack', 'ip_vs'])
    for (const name of [NODE, LAN]) {
      await run('ip', ['netns', 'add', name])
      stack.defer(async () => void (await run('ip', ['netns', 'del', name])))
    }
    await script(
      LAN,
      `ip link add node type veth peer name eth0 netns ${NODE}; ip link set node up; ip link set lo up`,
    )
    await script(
      NODE,
      `ip link set eth0 up; ip link set lo up; ip addr add 172.31.0.11/24 dev eth0; ip addr add fd31::11/64 dev eth0 nodad
       nft 'add table inet stranger; add chain inet stranger c { type filter hook forward priority 5; }'
       ipvsadm -A -t 198.51.100.1:1 -s wlc`,
    )
    await mkdir(join(folder, 'bin'))
    await writeFile(join(folder, 'bin', 'stranger'), '#!/bin/sh\n')
    // As Kubernetes' packages have it.
    await writeFile(join(folder, 'bin', 'bridge'), 'somebody else’s', { mode: 0o755 })
    await eventually(async () => expect(await dump('ip -d addr')).not.to.include('tentative'), 30_000)
    original = await dumps()
    api = await startApi(NODE)
    const agent = await startAgent(
      NODE,
      api,
      `podNetwork: { conflist: ${join(folder, '10-podroute.conflist')} }\nnetworkPolicy: { podStart: always }\n`,
    )
    const installer = join((await buildDist()).directory, 'dist/cni/podroute-cni')
    await run(installer, ['install', join(folder, 'bin'), '--force'])
    api.put(service('web', { clusterIPs: ['10.96.0.10'], ports: [{ port: 80, protocol: 'TCP' }] }))
    api.putSlice(slice('web', ['10.244.1.2', '10.244.2.2']))
    await agent.inPlace
    await eventually(async () => {
      expect(await readdir(folder)).to.include('10-podroute.conflist')
      return expect(await dump('cat /proc/net/ip_vs')).to.include('0A60000A:0050')
    }, 60_000)
    expect(
      Object.entries(await dumps()).filter(([name, text]) => text !== original[name]).length,
    ).to.be.above(5)
    await refusesWhileItRuns()
    await agent.end('SIGKILL')
    await script(NODE, 'ip nexthop add id 1347551233 via 172.31.0.12 dev eth0 protocol 179')
    await podWithHostPort()
    // The API server goes with its own folder.
    await cp(`${api.kubeconfig}.state`, join(folder, 'state'), {
      recursive: true,
      filter: (path) => !path.endsWith('.sock'),
    })
  })
  after(() => stack.disposeAsync())

  const script = async (namespace: string, text: string) =>
    (await run('ip', ['netns', 'exec', namespace, 'bash', '-ec', text])).stdout

  const dump = async (command: string) =>
    (await script(NODE, `${command} || true`))
      .replace(/\w+_timer +[\d.]+ /g, '')
      .split('\n')
      .filter((line) => !VOLATILE.test(line))
      .join('\n')

  function same(now: Readonly<Record<string, string>>, then: Readonly<Record<string, string>>): void {
    for (const [command, text] of Object.entries(then))
      expect(now[command]?.split('\n'), command).to.deep.equal(text.split('\n'))
  }

  async function dumps(): Promise<Readonly<Record<string, string>>> {
    const texts: Record<string, string> = {}
    for (const command of DUMPS) texts[command] = await dump(command)
    texts.files = await script(NODE, `cd ${folder}; find . -type f -exec sha256sum {} + | sort`)
    return texts
  }

  /** What it prints and its exit status. */
  async function cleanup(...options: string[]): Promise<{ text: string; status: number }> {
    const places = [
      ...['--state-directory', join(folder, 'state'), '--plugin-directory', join(folder, 'bin')],
      ...['--netns', `/run/netns/${NODE}`, '--socket', `${api.kubeconfig}.sock`],
    ]
    const program = [join(import.meta.dirname, '../../packages/cli/main.ts'), 'cleanup']
    return run(process.execPath, [...program, ...places, ...options]).then(
      ({ stdout }) => ({ text: stdout, status: 0 }),
      ({ stdout, stderr, code }) => ({ text: `${stdout}${stderr}`, status: code }),
    )
  }

  /** It comes, and goes again: the plugin keeps what all of them share. */
  async function podWithHostPort(): Promise<void> {
    const bin = join(folder, 'bin')
    const pod = 'pr-cleanup-pod'
    await run('ip', ['netns', 'add', pod])
    const plugins = JSON.parse(await readFile(join(folder, '10-podroute.conflist'), 'utf8'))
    const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }]
    const ips = [{ address: '10.244.1.9/24' }]
    const call = (command: string) => {
      const { cniVersion, name } = plugins
      const input = {
        cniVersion,
        name,
        type: 'portmap',
        runtimeConfig: { portMappings },
        prevResult: { cniVersion, ips },
      }
      const env = `CNI_COMMAND=${command} CNI_CONTAINERID=cleanup CNI_NETNS=/run/netns/${pod} CNI_IFNAME=eth0 CNI_PATH=${bin}`
      return script(NODE, `echo '${JSON.stringify(input)}' | env ${env} ${join(bin, 'portmap')}`)
    }
    await call('ADD')
    expect(await dump('nft list ruleset'))
      .to.include('table ip cni_hostport')
      .and.include('10.244.1.9')
    await call('DEL')
    expect(await dump('nft list ruleset'))
      .to.include('table ip cni_hostport')
      .and.not.include('10.244.1.9')
    await run('ip', ['netns', 'del', pod])
  }

  async function refusesWhileItRuns(): Promise<void> {
    const held = await dump('cat /proc/net/ip_vs')
    const { text, status } = await cleanup()
    expect(text).to.include('an agent runs here').and.include('delete daemonset')
    expect(status).to.equal(1)
    expect(await dump('cat /proc/net/ip_vs')).to.equal(held)
  }

  it('says what would go, and touches nothing, with --dry-run', async () => {
    const held = await dumps()
    const { text, status } = await cleanup('--dry-run')
    for (const part of ['10-podroute.conflist', 'kube-bridge', 'virtual-servers', 'sysctl', 'podroute-cni'])
      expect(text).to.include(part)
    expect(text).not.to.include('stranger')
    expect(status).to.equal(0)
    same(await dumps(), held)
  })

  it('refuses where pods would lose their network', async () => {
    await script(NODE, 'ip link add pod0 type veth peer name pod1; ip link set pod0 master kube-bridge')
    const held = await dumps()
    const { text, status } = await cleanup()
    expect(text).to.include('1 pod hangs on kube-bridge').and.include('drain')
    expect(status).to.equal(1)
    same(await dumps(), held)
    await script(NODE, 'ip link del pod0')
  })

  it('leaves the node as it was before, without an API server, and says so when asked again', async () => {
    await api[Symbol.asyncDispose]()
    const { text, status } = await cleanup()
    expect(text).not.to.include('LEFT')
    expect(status, text).to.equal(0)
    same(await dumps(), original)
    expect(await readdir(folder)).to.deep.equal(['bin'])
    expect((await cleanup()).text).to.equal('nothing of podroute is here\n')
  })
})
