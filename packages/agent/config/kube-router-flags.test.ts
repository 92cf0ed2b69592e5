import type { PodNetworkSettings } from '@podroute/pod-network/settings.ts'
import type { ServiceProxySettings } from '@podroute/service-proxy/settings.ts'
import { expect } from 'chai'
import { ConfigError } from '../errors.ts'
import { FEATURES } from '../features.ts'
import { kubeRouterFlags, parseFlags } from './flags.ts'
import { loadConfig } from './load.ts'

const SECTIONS = FEATURES.map(({ section }) => section)

const flagsOf = (...words: string[]) => parseFlags(['--node-name=node-1', ...words], {}, SECTIONS)

function load(words: readonly string[], files: Readonly<Record<string, string>> = {}) {
  const flags = { ...flagsOf(...words), configFile: 'config.yaml' }
  const config = loadConfig(flags, FEATURES, (path) => {
    const text = { 'config.yaml': '', ...files }[path]
    if (text === undefined) throw new Error(`ENOENT: ${path}`)
    return text
  })
  const podNetwork = config.features.get('pod-network') as PodNetworkSettings | undefined
  const serviceProxy = config.features.get('service-proxy') as ServiceProxySettings | undefined
  return { ...config, podNetwork, serviceProxy, notes: flags.notes.map(({ flag }) => flag) }
}

function problemsOf(words: readonly string[], files: Readonly<Record<string, string>> = {}) {
  try {
    load(words, files)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const ALL = [
  '--run-router=true',
  '--run-firewall=true',
  '--run-service-proxy=true',
  '--bgp-graceful-restart=true',
]
const KUBECONFIG = '--kubeconfig=/var/lib/kube-router/kubeconfig'
const NETWORK_ALONE = [...ALL.slice(0, 2), '--run-service-proxy=false', '--bgp-graceful-restart=true']
/** The containers' arguments in kube-router's daemonset/, as they stand there; what is to be changed is filled in. */
const MANIFESTS: Readonly<Record<string, readonly string[]>> = {
  'generic-kuberouter-all-features-advertise-routes': [
    ...[...ALL, KUBECONFIG, '--peer-router-ips=10.1.201.254', '--peer-router-asns=64512'],
    ...['--cluster-asn=64512', '--advertise-cluster-ip=true'],
  ],
  'generic-kuberouter-all-features': [...ALL, KUBECONFIG],
  'generic-kuberouter-only-advertise-routes': [
    ...[
      '--run-router=true',
      '--run-firewall=false',
      '--run-service-proxy=false',
      '--bgp-graceful-restart=true',
    ],
    ...['--enable-cni=false', '--enable-ibgp=false', '--enable-overlay=false'],
    ...['--peer-router-ips=192.0.2.1', '--peer-router-asns=65000', '--cluster-asn=64600'],
    ...['--advertise-cluster-ip=true', '--advertise-external-ip=true', '--advertise-loadbalancer-ip=true'],
  ],
  'generic-kuberouter': NETWORK_ALONE,
  'kube-router-all-service-daemonset-advertise-routes': [
    ...[...ALL, KUBECONFIG, '--advertise-cluster-ip=true', '--cluster-asn=64512'],
    ...['--peer-router-ips=192.168.1.99', '--peer-router-asns=64513'],
  ],
  'kube-router-all-service-daemonset': [...ALL, KUBECONFIG],
  'kube-router-firewall-daemonset': [
    ...['--run-router=false', '--run-firewall=true', '--run-service-proxy=false', KUBECONFIG],
  ],
  'kube-router-proxy-daemonset': [
    ...['--run-router=false', '--run-firewall=false', '--run-service-proxy=true', KUBECONFIG],
  ],
  'kubeadm-kuberouter-all-features-dsr': [
    ...[...ALL, KUBECONFIG, '--runtime-endpoint=unix:///run/containerd/containerd.sock'],
  ],
  'kubeadm-kuberouter-all-features-hostport': [...ALL, KUBECONFIG],
  'kubeadm-kuberouter-all-features': [...ALL, KUBECONFIG],
  'kubeadm-kuberouter': NETWORK_ALONE,
}
/** Features that run with `--run-router`, `--run-firewall` and `--run-service-proxy`. */
const FEATURE_OF = {
  '--run-router': 'pod-network',
  '--run-firewall': 'network-policy',
  '--run-service-proxy': 'service-proxy',
} as const

describe('flags of kube-router', () => {
  for (const [manifest, words] of Object.entries(MANIFESTS))
    it(`are taken as they stand in its example ${manifest}.yaml`, () => {
      const { features, podNetwork, notes } = load(words)
      const wanted = Object.entries(FEATURE_OF).flatMap(([flag, feature]) =>
        words.includes(`${flag}=true`) ? [feature] : [],
      )
      expect([...features.keys()]).to.have.members(wanted)
      const value = (flag: string) => words.find((word) => word.startsWith(`${flag}=`))?.split('=')[1]
      const routers = podNetwork?.externalPeers.map(({ address, asn }) => `${address} ${asn}`) ?? []
      const named = value('--peer-router-ips')
      expect(routers).to.deep.equal(named === undefined ? [] : [`${named} ${value('--peer-router-asns')}`])
      if (podNetwork) expect(podNetwork.asn).to.equal(Number(value('--cluster-asn') ?? 64512))
      const kinds = ['cluster-ip', 'external-ip', 'loadbalancer-ip'].filter(
        (kind) => value(`--advertise-${kind}`) === 'true',
      )
      expect(podNetwork?.serviceAddresses.kinds ?? []).to.deep.equal(
        kinds.map((kind) => kind.replace('loadbalancer', 'load-balancer')),
      )
      // Direct server return is not here, which is said; that there is no overlay is as it is asked for.
      expect(notes).to.deep.equal(value('--runtime-endpoint') === undefined ? [] : ['--runtime-endpoint'])
    })

  it('are keys of the configuration, and win over the file', () => {
    const words = ['--cluster-asn=64600', '--bgp-port=1790', '--bgp-holdtime=45s', '--enable-ibgp=false']
    const { podNetwork } = load([...words, '--enable-pod-egress=false', '--bgp-graceful-restart-time=1m'], {
      'config.yaml': 'asn: 65000\nbgp: {holdTimeSeconds: 30}',
    })
    expect(podNetwork).to.deep.include({ asn: 64600, port: 1790, holdTime: 45, mesh: false })
    expect(podNetwork).to.deep.include({ masquerade: false, restartTime: 60 })
    expect(load(['--bgp-graceful-restart=false']).podNetwork).to.not.have.property('restartTime')
  })

  it('leave bridge and CNI configuration to another plugin', () => {
    expect(load([]).podNetwork?.cni).to.equal(true)
    expect(load(['--enable-cni=true']).podNetwork?.cni).to.equal(true)
    expect(load(['--enable-cni=false']).podNetwork?.cni).to.equal(false)
  })

  it('switch features by their names there', () => {
    const { features } = load(['--run-router=false', '--run-firewall', '--run-service-proxy=true'])
    expect([...features.keys()]).to.have.members(['service-proxy', 'network-policy'])
    expect([...load(['--run-firewall=false']).features.keys()]).to.not.include('network-policy')
  })

  it('name routers by lists in step, with passwords as base64', () => {
    const words = ['--peer-router-ips=192.0.2.1,2001:db8::1', '--peer-router-asns=65000,65001']
    const { podNetwork } = load([
      ...words,
      '--peer-router-ports=179,1179',
      '--peer-router-passwords=U2VjdXJlUGFzc3dvcmQK,',
    ])
    const [one, two] = podNetwork!.externalPeers
    expect(one).to.deep.include({ address: '192.0.2.1', asn: 65000, port: 179, password: 'SecurePassword' })
    expect(two).to.deep.include({ address: '2001:db8::1', asn: 65001, port: 1179 })
    expect(two).to.not.have.property('password')
  })

  it('take passwords from a file, which is read again; those of the command line come first', () => {
    const words = ['--peer-router-ips=192.0.2.1', '--peer-router-asns=65000']
    const file = [...words, '--peer-router-passwords-file=/secret/passwords']
    const passwordOf = (...args: Parameters<typeof load>) =>
      load(...args).podNetwork!.externalPeers[0]!.password
    expect(passwordOf(file, { '/secret/passwords': 'b25l\n' })).to.equal('one')
    expect(passwordOf(file, { '/secret/passwords': 'dHdv\n' })).to.equal('two')
    expect(passwordOf([...file, '--peer-router-passwords=dGhyZWU='])).to.equal('three')
    expect(problemsOf(file)[0]).to.match(/^--peer-router-passwords-file: cannot read \/secret\/passwords/)
    expect(problemsOf(file, { '/secret/passwords': 'b25l,dHdv' })[0]).to.match(
      /^--peer-router-passwords-file: 2 for 1 routers/,
    )
  })

  it('watch their routers by BFD, with the timers of kube-router where nothing else is said', () => {
    const words = ['--peer-router-ips=192.0.2.1', '--peer-router-asns=65000', '--enable-bfd']
    const timersOf = (...more: string[]) => load([...words, ...more]).podNetwork!.externalPeers[0]!.bfd
    expect(timersOf()).to.deep.equal({ desiredMinTx: 1000, requiredMinRx: 1000, detectMultiplier: 3 })
    expect(timersOf('--bfd-desired-min-tx-interval=100', '--bfd-detection-multiplier=5')).to.deep.equal({
      ...{ desiredMinTx: 100, requiredMinRx: 1000, detectMultiplier: 5 },
    })
    expect(timersOf('--enable-bfd=false', '--bfd-detection-multiplier=5')).to.equal(undefined)
    expect(load(['--enable-bfd', '--bfd-port=3785']).notes).to.have.members(['--enable-bfd', '--bfd-port'])
  })

  it('say what all routers are told, whatever else is said of them', () => {
    const words = ['--advertise-pod-cidr=false', '--override-nexthop', '--router-id=192.0.2.7']
    const { announce, routerId } = load(words).podNetwork!
    expect(announce).to.deep.equal({
      kinds: ['cluster-ip', 'external-ip', 'load-balancer-ip'],
      nextHop: 'self',
    })
    expect(routerId).to.equal('192.0.2.7')
    expect(load(['--router-id=generate', '--advertise-pod-cidr']).podNetwork).to.deep.include({
      announce: {},
    })
    expect(problemsOf(['--router-id=fd00::1'])[0]).to.match(/^bgp\.routerId: /)
  })

  it('send to routers with the TTL that is said', () => {
    const words = ['--peer-router-ips=192.0.2.1', '--peer-router-asns=65000']
    const ttlOf = (ttl: number) =>
      load([...words, `--peer-router-multihop-ttl=${ttl}`]).podNetwork!.externalPeers[0]!.ttl
    expect([ttlOf(0), ttlOf(1), ttlOf(5)]).to.deep.equal([undefined, undefined, 5])
  })

  it('say which addresses of Services are announced', () => {
    const { serviceAddresses } = load(['--advertise-cluster-ip', '--advertise-external-ip=true']).podNetwork!
    expect(serviceAddresses.kinds).to.deep.equal(['cluster-ip', 'external-ip'])
    expect(load(['--advertise-loadbalancer-ip']).podNetwork!.serviceAddresses.kinds).to.deep.equal([
      'load-balancer-ip',
    ])
  })

  it('keep the full mesh of nodes where it is asked for', () => {
    expect(load(['--nodes-full-mesh']).podNetwork).to.not.have.property('reflectors')
    expect(load(['--nodes-full-mesh=false']).podNetwork).to.have.property('reflectors')
  })

  it('add their routers to those of the file, and stand for one that both name', () => {
    const config = 'peers: [{address: 192.0.2.1, asn: 1}, {address: 192.0.2.9, asn: 9}]'
    const { podNetwork } = load(['--peer-router-ips=192.0.2.1', '--peer-router-asns=65000'], {
      'config.yaml': config,
    })
    expect(podNetwork!.externalPeers.map(({ address, asn }) => [address, asn])).to.deep.equal([
      ['192.0.2.1', 65000],
      ['192.0.2.9', 9],
    ])
  })

  it('are refused where their lists are not in step, or a value is none, without any password in what is said', () => {
    const ips = '--peer-router-ips=192.0.2.1,192.0.2.2'
    expect(problemsOf([ips, '--peer-router-asns=65000'])).to.deep.equal([
      '--peer-router-ips: --peer-router-asns: 1 for 2 routers: one for each of --peer-router-ips, in their order, is needed',
    ])
    expect(problemsOf(['--peer-router-asns=65000'])[0]).to.equal(
      '--peer-router-asns: it says nothing without --peer-router-ips',
    )
    const bad = [ips, '--peer-router-asns=65000,0', '--peer-router-passwords=,hush!']
    const said = problemsOf(bad)
    expect(said.some((text) => text.startsWith('--peer-router-passwords[1]: not base64'))).to.equal(true)
    expect(said.some((text) => text.startsWith('peers[1].asn: '))).to.equal(true)
    expect(said.join()).to.not.include('hush')
  })

  it('set what Services get', () => {
    const { serviceProxy, serviceCIDRs } = load([
      ...['--masquerade-all', '--nodeport-bindon-all-ip', '--ipvs-graceful-period=10s'],
      ...['--service-external-ip-range=198.51.100.0/24', '--service-cluster-ip-range=10.96.0.0/12'],
    ])
    expect(serviceProxy).to.deep.include({
      masqueradeAll: true,
      nodePortRanges: ['0.0.0.0/0', '::/0'],
      externalRanges: ['198.51.100.0/24'],
      drain: 10,
    })
    expect(serviceCIDRs).to.deep.equal(['10.96.0.0/12'])
    const lax = ['--strict-external-ip-validation=false', '--service-external-ip-range=198.51.100.0/24']
    expect(load(lax).serviceProxy).to.deep.include({ externalRanges: ['0.0.0.0/0', '::/0'] })
    const hard = ['--ipvs-graceful-termination=false', '--ipvs-graceful-period=10s']
    expect(load(hard).serviceProxy).to.deep.include({ drain: 0 })
  })

  it('set where the agent answers, whom it asks and what it says', () => {
    const config = load([
      ...['--health-port=1', '--metrics-port', '2', '--metrics-addr=192.0.2.7', '-v', '2'],
      '--master=https://192.0.2.3:6443',
    ])
    expect(config.health).to.deep.equal({ address: '::', port: 1 })
    expect(config.metrics).to.deep.include({ address: '192.0.2.7', port: 2 })
    expect([config.log.level, config.apiServer]).to.deep.equal(['debug', 'https://192.0.2.3:6443'])
    expect(parseFlags(['--hostname-override=n'], {}, SECTIONS).nodeName).to.equal('n')
    expect(parseFlags(['-V'], {}, SECTIONS).version).to.equal(true)
  })

  it('that say nothing here are taken, each with one line that says why', () => {
    const { notes } = load(['--enable-overlay=true', '--overlay-type=full', '--routes-sync-period=5m0s'])
    expect(notes).to.have.members(['--enable-overlay', '--overlay-type', '--routes-sync-period'])
    expect(load(['--enable-overlay=false', '--metrics-path=/metrics']).notes).to.deep.equal([])
  })

  it('that must not be passed over are refused, with what to do', () => {
    for (const flag of ['--netpol-default-deny', '--run-loadbalancer', '--cleanup-config']) {
      const problems = problemsOf([flag])
      expect(problems).to.have.length(1)
      expect(problems[0]).to.match(new RegExp(`^${flag}: .{40}`))
      expect(problemsOf([`${flag}=false`])).to.deep.equal([])
    }
  })

  it('have names of their own', () => {
    const names = kubeRouterFlags(SECTIONS).map(({ name }) => name)
    const switches = SECTIONS.flatMap((section) => Object.keys(section.switches))
    expect(new Set([...names, ...switches]).size).to.equal(names.length + switches.length)
  })
})
