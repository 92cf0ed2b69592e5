/** Faults that are really made in a namespace are named by `podroute doctor`, each by its check. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Finding } from '@podroute/agent/doctor/check.ts'
import { expect } from 'chai'
import { TestNetns } from './linux-support.ts'

const run = promisify(execFile)

describe('podroute doctor on a node with faults', () => {
  const stack = new AsyncDisposableStack()
  let netns: TestNetns
  let root: string

  before(async () => {
    netns = stack.use(await TestNetns.create('doctor'))
    root = await mkdtemp(join(tmpdir(), 'podroute-doctor-'))
    stack.defer(() => rm(root, { recursive: true, force: true }))
    for (const folder of ['etc/cni/net.d', 'opt/cni/bin', 'run'])
      await mkdir(join(root, folder), { recursive: true })
    await writeFile(join(root, 'etc/cni/net.d/10-podroute.conflist'), '{"name":"podroute","plugins":[]}')
    for (const name of ['bridge', 'host-local', 'loopback', 'portmap'])
      await writeFile(join(root, 'opt/cni/bin', name), '')
    await shell(
      `ip link set lo up; ip link add eth0 type veth peer name eth0-p; ip link set eth0 up; ip link set eth0-p up; ip addr add 172.31.0.11/24 dev eth0
       ip route add default via 172.31.0.1
       ip link add kube-bridge type bridge; ip link set kube-bridge up
       sysctl -qw net.ipv4.ip_forward=1; sysctl -qw net.ipv4.conf.kube-bridge.rp_filter=2`,
    )
  })
  after(() => stack.disposeAsync())

  const shell = (script: string) => run('ip', ['netns', 'exec', netns.name, 'bash', '-ec', script])

  async function doctor(): Promise<{
    status: number
    wrong: readonly string[]
    findings: readonly Finding[]
  }> {
    const program = [join(import.meta.dirname, '../../packages/cli/main.ts'), 'doctor', '--json']
    const places = [
      '--root',
      root,
      '--netns',
      netns.path,
      '--socket',
      join(root, 'none.sock'),
      '--node-name',
      'a',
    ]
    const { stdout, code } = await run(process.execPath, [...program, ...places]).then(
      (done) => ({ ...done, code: 0 }),
      (error: { stdout: string; code: number }) => error,
    )
    const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] }
    const wrong = findings.filter(({ outcome }) => outcome.kind === 'fail' || outcome.kind === 'warn')
    return { status: code, wrong: wrong.map(({ check }) => check), findings }
  }

  const FAULTS: readonly (readonly [check: string, make: string, mend: string])[] = [
    ['forwarding-ipv4', 'sysctl -qw net.ipv4.ip_forward=0', 'sysctl -qw net.ipv4.ip_forward=1'],
    [
      'reverse-path',
      'sysctl -qw net.ipv4.conf.kube-bridge.rp_filter=1',
      'sysctl -qw net.ipv4.conf.kube-bridge.rp_filter=2',
    ],
    ['default-route', 'ip route del default', 'ip route add default via 172.31.0.1'],
    ['bridge', 'ip link set kube-bridge down', 'ip link set kube-bridge up'],
    ['kube-proxy-interface', 'ip link add kube-ipvs0 type bridge', 'ip link del kube-ipvs0'],
    ['flannel', 'ip link add flannel.1 type bridge', 'ip link del flannel.1'],
    ['kube-proxy-rules', 'nft "add table ip nat; add chain ip nat KUBE-SERVICES"', 'nft delete table ip nat'],
    [
      'nft-forward',
      'nft "add table inet f; add chain inet f forward { type filter hook forward priority 0; policy drop; }"',
      'nft delete table inet f',
    ],
    [
      'bgp-firewall',
      'nft "add table inet g; add chain inet g input { type filter hook input priority 0; policy drop; }"',
      'nft delete table inet g',
    ],
  ]

  describe('names', () => {
    const wrong: Record<'before' | 'with' | 'after', readonly string[]> = { before: [], with: [], after: [] }
    before(async () => {
      wrong.before = (await doctor()).wrong
      await shell(FAULTS.map(([, make]) => make).join('\n'))
      wrong.with = (await doctor()).wrong
      await shell(FAULTS.map(([, , mend]) => mend).join('\n'))
      wrong.after = (await doctor()).wrong
    })

    for (const [check] of FAULTS)
      it(check, () => {
        expect(wrong.before).not.to.include(check)
        expect(wrong.with).to.include(check)
        expect(wrong.after).not.to.include(check)
      })
  })

  it('names another CNI configuration that comes first, and a plugin that is not there, and ends with 3', async () => {
    await writeFile(join(root, 'etc/cni/net.d/05-other.conf'), '{"name":"other"}')
    await rm(join(root, 'opt/cni/bin/portmap'))
    const { wrong, status } = await doctor()
    expect(wrong).to.include.members(['cni-order', 'cni-plugins'])
    expect(status).to.equal(3)
  })

  it('says what it does not know without an agent and an API server, and why', async () => {
    const { findings } = await doctor()
    const of = (name: string) => findings.find(({ check }) => check === name)?.outcome
    expect(of('agent')).to.deep.include({ kind: 'unknown' })
    expect(of('pod-ranges')).to.have.property('problem').that.includes('--kubeconfig')
  })

  it('shows people what is wrong and what to do', async () => {
    const program = [join(import.meta.dirname, '../../packages/cli/main.ts'), 'doctor', '--netns', netns.path]
    const { stdout } = await run(process.execPath, [...program, '--root', root]).catch((error) => error)
    expect(stdout)
      .to.match(/fail +cni-order .*05-other\.conf/)
      .and.match(/\d+ ok, \d+ warn, \d+ fail, \d+ unknown\n$/)
  })
})
