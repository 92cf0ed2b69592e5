import { readFileSync } from 'node:fs'
import { cidr } from '@podroute/address/cidr.ts'
import type { PodNetworkSettings } from '@podroute/pod-network/settings.ts'
import type { ServiceProxySettings } from '@podroute/service-proxy/settings.ts'
import { expect } from 'chai'
import { parse, parseAllDocuments } from 'yaml'
import { makeCertificate } from '../../../test/support/certificates.ts'
import { ConfigError } from '../errors.ts'
import { FEATURES } from '../features.ts'
import { type Flags, parseFlags } from './flags.ts'
import { loadConfig } from './load.ts'

const flagsOf = (args: readonly string[], env: Record<string, string> = {}) =>
  parseFlags(
    args,
    env,
    FEATURES.map(({ section }) => section),
  )

const FLAGS = flagsOf(['--node-name', 'node-1', '--config', 'config.yaml'])

const load = (text: string, flags: Partial<Flags> = {}, files: Record<string, string> = {}) => {
  const config = loadConfig({ ...FLAGS, ...flags }, FEATURES, (path) => {
    const content = { 'config.yaml': text, ...files }[path]
    if (content === undefined) throw new Error(`ENOENT: ${path}`)
    return content
  })
  return {
    ...config,
    podNetwork: config.features.get('pod-network') as PodNetworkSettings | undefined,
    serviceProxy: config.features.get('service-proxy') as ServiceProxySettings | undefined,
  }
}

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('configuration', () => {
  it('is all defaults when the file is empty', () => {
    const config = load('')
    expect(config.podNetwork).to.deep.include({
      asn: 64512,
      port: 179,
      mesh: true,
      bridge: 'kube-bridge',
      externalPeers: [],
    })
    expect(config.serviceProxy).to.deep.equal({
      masqueradeAll: false,
      serviceCIDRs: [],
      nodeCIDRs: [],
      nodePortRanges: [],
      externalRanges: [],
      drain: 30,
      takeOver: false,
      health: { address: '::', port: 10256 },
    })
    expect(config.adminSocket).to.equal('/run/podroute/podroute.sock')
    expect(config.podNetwork).to.not.have.property('mtu')
  })

  it('takes the password between nodes from its folder, where there is one and the file is there', () => {
    const files: Readonly<Record<string, string>> = { '/etc/podroute-secrets/mesh': 'hush\n' }
    const password = (folder: boolean, text = '') => {
      const read = (path: string) => {
        const content = path === 'config.yaml' ? text : files[path]
        if (content === undefined) throw new Error(`ENOENT: ${path}`)
        return content
      }
      const { features } = loadConfig(FLAGS, FEATURES, read, () => folder)
      return (features.get('pod-network') as PodNetworkSettings).meshPassword
    }
    expect(password(true)).to.equal('hush')
    expect(password(false)).to.equal(undefined)
    expect(password(true, 'bgp: { secretFolder: /elsewhere }')).to.equal(undefined)
  })

  it('takes peers with all their fields, passwords from files', () => {
    const text = `
asn: 64513
peers:
  - { address: 172.30.0.100, asn: 65000 }
  - { address: "FD30::100", asn: 4200000000, port: 1179, passwordFile: /secret, ttlSecurityHops: 2, families: [ipv6], holdTimeSeconds: 9, acceptRoutes: true, maxPrefixes: 10 }
`
    expect(load(text, {}, { '/secret': 'hush\n' }).podNetwork?.externalPeers).to.deep.equal([
      { address: '172.30.0.100', asn: 65000, acceptRoutes: false, maxPrefixes: 1000 },
      {
        address: 'fd30::100',
        asn: 4200000000,
        port: 1179,
        password: 'hush',
        ttlSecurityHops: 2,
        families: [6],
        holdTime: 9,
        acceptRoutes: true,
        maxPrefixes: 10,
      },
    ])
  })

  it('takes what says that a node is to be left, for how long routes are kept, and BFD', () => {
    const settings = (text: string) => load(text).podNetwork!
    const fast = { desiredMinTx: 300, requiredMinRx: 300, detectMultiplier: 3 }
    const autoscaler = { key: 'ToBeDeletedByClusterAutoscaler' }
    expect(settings('')).to.deep.include({
      drain: { taints: [autoscaler, { key: 'node.kubernetes.io/out-of-service' }], labels: [] },
      restartTime: 120,
      longLivedTime: 3600,
    })
    expect(settings('')).to.not.have.property('meshBfd')
    expect(settings('bgp: {gracefulRestart: {enabled: false}}')).to.not.have.any.keys(
      ...['restartTime', 'longLivedTime'],
    )
    expect(settings('bgp: {drain: {taints: [a.b/c=d], labels: [e]}, bfd: true}')).to.deep.include({
      drain: { taints: [{ key: 'a.b/c', value: 'd' }], labels: [{ key: 'e' }] },
      meshBfd: fast,
    })
    const router = (bfd: string) =>
      settings(`peers: [{address: 10.0.0.1, asn: 1, bfd: ${bfd}}]`).externalPeers[0]?.bfd
    expect(router('{minTxMilliseconds: 50, multiplier: 5}')).to.deep.equal({
      ...fast,
      ...{ desiredMinTx: 50, detectMultiplier: 5 },
    })
    expect(router('false')).to.equal(undefined)
  })

  it('reports BFD too fast or without patience, and marks that are none', () => {
    const of = (text: string) => problemsOf(() => load(text)).join('\n')
    expect(of('bgp: {bfd: {minRxMilliseconds: 5}}')).to.match(/^bgp\.bfd/)
    expect(of('bgp: {bfd: {multiplier: 1}}')).to.match(/^bgp\.bfd/)
    expect(of('bgp: {drain: {taints: [""]}}')).to.match(/^bgp\.drain\.taints\[0\]/)
    expect(of('bgp: {drain: {labels: ["=x"]}}')).to.match(
      /^bgp\.drain\.labels\[0\]: neither key nor key=value/,
    )
  })

  it('takes what else is said of a router: where it is, for whom, what it is told and believed', () => {
    const text = `
peers:
  - address: 192.0.2.1
    description: tor-1
    nodes: {names: [n1], matchLabels: {rack: a}, matchExpressions: [{key: disk, operator: Exists}]}
    asn: external
    localAsn: 64601
    localAsnPrepends: true
    allowOwnAs: 1
    localInterface: eth1
    passive: true
    multihop: 5
    keepaliveSeconds: 10
    connectRetrySeconds: 60
    gracefulRestart: {timeSeconds: 30, longLivedSeconds: 0}
    addPath: {receive: true}
    accept: [{prefixes: [10.0.0.0/8], communities: [no-export, "rt:1:2"], asPath: {origin: 65001}, localPreference: 200}]
    reject: [{communities: ["64512:1:2"]}]
    localPreference: 150
    maxPrefixes: {ipv4: 100}
    maxPrefixesAction: block
    announce: {kinds: [podCIDRs, externalIPs], communities: ["64512:1"], med: 0, prepend: 2, nextHop: unchanged, aggregates: ["FD10::/48"]}
  - {interface: eth2, asn: internal, gracefulRestart: {enabled: false}}
  - {address: "FE80::1", interface: eth3, asn: 65003}
`
    const [tor, unnumbered, linked] = load(text).podNetwork!.externalPeers
    expect(tor).to.deep.equal({
      address: '192.0.2.1',
      description: 'tor-1',
      nodes: {
        names: ['n1'],
        labels: [
          { kind: 'exists', key: 'disk' },
          { kind: 'in', key: 'rack', values: ['a'] },
        ],
      },
      ...{ asn: 'external', localAsn: 64601, localAsnPrepends: true, allowOwnAs: 1 },
      ...{ localInterface: 'eth1', passive: true, ttl: 5, keepalive: 10, connectRetry: 60 },
      restart: { time: 30, longLivedTime: 0 },
      addPath: { send: false, receive: true },
      acceptRoutes: false,
      accept: [
        {
          prefixes: [{ prefix: cidr('10.0.0.0/8'), minLength: 8, maxLength: 8 }],
          communities: ['no-export', 'rt:1:2'],
          asPath: { origin: 65001 },
          localPreference: 200,
        },
      ],
      reject: [{ communities: ['64512:1:2'] }],
      localPreference: 150,
      maxPrefixes: { 4: 100 },
      maxPrefixesAction: 'block',
      announce: {
        ...{ kinds: ['pod-cidr', 'external-ip'], communities: ['64512:1'], med: 0, prepend: 2 },
        ...{ nextHop: 'unchanged', aggregates: [cidr('fd10::/48')] },
      },
    })
    const plain = { acceptRoutes: false, maxPrefixes: 1000 }
    const restart = { time: 0, longLivedTime: 0 }
    expect(unnumbered).to.deep.equal({ interface: 'eth2', asn: 'internal', restart, ...plain })
    expect(linked).to.deep.equal({ address: 'fe80::1%eth3', asn: 65003, ...plain })
  })

  it('reports what of a router excludes something else, and what is none, each with its path', () => {
    const of = (entry: string) => problemsOf(() => load(`peers: [{${entry}}]`))
    const one = (entry: string) => of(`address: 10.0.0.1, asn: 1, ${entry}`)
    expect(of('asn: 1')).to.deep.equal([
      'peers[0].address: missing: give the address of the router, or the interface of an unnumbered one',
    ])
    expect(one('interface: eth0')[0]).to.match(/^peers\[0\]\.interface: only beside a link-local address/)
    expect(one('password: a, passwordFile: /b')[0]).to.equal(
      'peers[0]: password and passwordFile are both given',
    )
    expect(one('multihop: 3, ttlSecurityHops: 1')).to.deep.equal([
      'peers[0]: ttlSecurityHops and multihop are both given',
    ])
    expect(one('localAddress: 10.0.0.9, localInterface: eth0')).to.have.length(1)
    expect(one('localAddress: "::"')).to.deep.equal([
      'peers[0].localAddress: :: is not the address of a host',
    ])
    expect(one('accept: [], acceptRoutes: true')).to.deep.equal([
      'peers[0]: accept and acceptRoutes are both given',
    ])
    expect(one('reject: [{}]')).to.deep.equal(['peers[0].reject[0]: rejects everything: say what of it'])
    expect(one('accept: [{communities: [x]}]')[0]).to.match(
      /^peers\[0\]\.accept\[0\]\.communities\[0\]: not a community/,
    )
    expect(one('accept: [{prefixes: [{prefix: 10.0.0.0/8, minLength: 4}]}]')[0]).to.match(
      /^peers\[0\]\.accept\[0\]\.prefixes\[0\]: no prefix in/,
    )
    expect(one('announce: {kinds: [pods]}')[0]).to.match(/^peers\[0\]\.announce\.kinds\[0\]: /)
    expect(one('nodes: {matchExpressions: [{key: a, operator: Is}]}')[0]).to.match(
      /^peers\[0\]\.nodes\.matchExpressions\[0\]\.operator: /,
    )
    expect(of('address: 10.0.0.1, asn: 65535')[0]).to.match(/^peers\[0\]\.asn: /)
    expect(one('maxPrefixes: {ipv5: 1}')[0]).to.match(/^peers\[0\]\.maxPrefixes/)
    expect(one('descripton: a')[0]).to.match(/^peers\[0\]\.descripton: unknown key.*"description"/)
  })

  it('takes a list of the prefixes that a router is believed, with ranges of lengths', () => {
    const list = [
      '0.0.0.0/0',
      '{prefix: 10.0.0.0/8, minLength: 16}',
      '{prefix: 192.168.0.0/16, maxLength: 24}',
      '{prefix: "fd00::/8", minLength: 48, maxLength: 64}',
    ]
    const text = `peers: [{address: 10.0.0.1, asn: 1, acceptRoutes: [${list}]}]`
    expect(load(text).podNetwork?.externalPeers[0]?.acceptRoutes).to.deep.equal([
      { prefix: cidr('0.0.0.0/0'), minLength: 0, maxLength: 0 },
      { prefix: cidr('10.0.0.0/8'), minLength: 16, maxLength: 32 },
      { prefix: cidr('192.168.0.0/16'), minLength: 16, maxLength: 24 },
      { prefix: cidr('fd00::/8'), minLength: 48, maxLength: 64 },
    ])
  })

  it('reports what is no list of prefixes, and ranges of lengths that hold none', () => {
    const of = (accept: string) =>
      problemsOf(() => load(`peers: [{address: 10.0.0.1, asn: 1, acceptRoutes: ${accept}}]`)).join('\n')
    expect(of('some')).to.match(/^peers\[0\]\.acceptRoutes: true, false, or a list of prefixes/)
    expect(of('[10.0.0.0]')).to.match(/^peers\[0\]\.acceptRoutes/)
    expect(of('[{prefix: 10.0.0.0/8, minLength: 4}]')).to.equal(
      'peers[0].acceptRoutes[0]: no prefix in 10.0.0.0/8 is 4 to 32 bits long',
    )
    expect(of('[{prefix: 10.0.0.0/8, minLength: 24, maxLength: 16}]')).to.include('is 24 to 16 bits long')
    expect(of('[{prefix: 10.0.0.0/8, maxLength: 33}]')).to.include('is 8 to 33 bits long')
  })

  it('reports every problem with its path', () => {
    const text = `
asn: 0
peers:
  - { address: router, asn: 65000 }
  - { address: 10.0.0.1, asn: 23456 }
bgp: { holdTimeSeconds: 2 }
podNetwork: { bridge: "a/b", noMasquerade: [10.0.0.0], colour: red }
apiServer: http://plain
`
    const paths = problemsOf(() => load(text)).map((p) => p.split(': ')[0])
    expect(paths).to.have.members([
      'asn',
      'peers[0].address',
      'peers[1].asn',
      'bgp.holdTimeSeconds',
      'podNetwork.bridge',
      'podNetwork.noMasquerade[0]',
      'podNetwork.colour',
      'apiServer',
    ])
  })

  it('names the nearest valid key for an unknown one, or where a key of that name belongs', () => {
    const of = (text: string) => problemsOf(() => load(text))
    expect(of('serviceproxy: {}')).to.deep.equal(['serviceproxy: unknown key, did you mean "serviceProxy"?'])
    expect(of('peers: [{address: 10.0.0.1, asn: 1, pasword: x}]')).to.deep.equal([
      'peers[0].pasword: unknown key, did you mean "password"?',
    ])
    expect(of('serviceProxy: { serviceCIDRs: [] }')).to.deep.equal([
      'serviceProxy.serviceCIDRs: unknown key, it belongs at "serviceCIDRs"',
    ])
    expect(of('bridge: cni0')).to.deep.equal(['bridge: unknown key, it belongs at "podNetwork.bridge"'])
    expect(of('log: { colour: red }')).to.deep.equal([
      'log.colour: unknown key, the keys here are level, format',
    ])
  })

  it('reports a file that is no YAML, no mapping, or not there', () => {
    expect(problemsOf(() => load('a: [')).join()).to.match(/^YAML: /)
    expect(problemsOf(() => load('asn: *other')).join()).to.match(/^YAML: .*other/)
    const many = [1, 2, 3, 4].map((n) => `a${n}: &a${n} [${Array(9).fill(n === 1 ? 'x' : `*a${n - 1}`)}]`)
    expect(problemsOf(() => load(many.join('\n'))).join()).to.match(/^YAML: .*alias/)
    expect(problemsOf(() => load('- 1'))[0]).to.match(/^the file: /)
    expect(problemsOf(() => load('', { configFile: 'none' }))[0]).to.match(/^cannot read none/)
  })

  it('reports a peer that is named twice for the same nodes', () => {
    const of = (first: string, second: string) =>
      problemsOf(() =>
        load(`peers: [{address: 10.0.0.1, asn: 1${first}}, {address: 10.0.0.1, asn: 2${second}}]`),
      )
    const rack = (name: string) => `, nodes: {matchLabels: {rack: ${name}}}`
    expect(of('', '')).to.deep.equal(['peers[1].address: 10.0.0.1 is peers[0] already'])
    expect(of(rack('a'), rack('a'))).to.deep.equal(['peers[1].address: 10.0.0.1 is peers[0] already'])
    expect(of(rack('a'), rack('b'))).to.deep.equal([])
  })

  it('lets a key that cannot be read be a fault of its router alone (A9)', () => {
    const of = (content: string | undefined) => {
      const text = 'peers: [{address: 10.0.0.1, asn: 1}, {address: 10.0.0.2, asn: 2, passwordFile: /key}]'
      const [good, bad] = load(text, {}, content === undefined ? {} : { '/key': content }).podNetwork!
        .externalPeers
      expect(good?.fault).to.equal(undefined)
      return bad?.fault ? `${bad.fault.path}: ${bad.fault.message}` : bad?.password
    }
    expect(of(undefined)).to.equal('peers[1].passwordFile: cannot read /key: ENOENT: /key')
    expect(of('\n')).to.equal('peers[1].passwordFile: /key is empty')
    expect(of('\ufffd')).to.equal('peers[1].passwordFile: /key is not UTF-8')
    expect(of(' k # "\\%é \n\n')).to.equal(' k # "\\%é \n')
    expect(of('x'.repeat(81))).to.equal(
      'peers[1].passwordFile: /key has 81 bytes: a TCP-MD5 key has at most 80',
    )
  })

  it('reports TCP-MD5 keys of more than 80 bytes, with the path of the option that names them', () => {
    const text = `
bgp: { meshPasswordFile: /long }
peers:
  - { address: 10.0.0.1, asn: 1, passwordFile: /long }
  - { address: 10.0.0.2, asn: 2, passwordFile: /fits }
  - { address: 10.0.0.3, asn: 3, password: ${'é'.repeat(41)} }
`
    const files = { '/long': 'x'.repeat(81), '/fits': `${'x'.repeat(80)}\n` }
    expect(problemsOf(() => load(text, {}, files))).to.have.members([
      'peers[2].password: a TCP-MD5 key has at most 80 bytes',
    ])
    const short = text.replace(/.*10\.0\.0\.3.*\n/, '')
    expect(problemsOf(() => load(short, {}, files))).to.have.members([
      'bgp.meshPasswordFile: /long has 81 bytes: a TCP-MD5 key has at most 80',
    ])
  })

  it('reports IPv4-mapped addresses and zeros in front, which nothing of the agent takes', () => {
    const of = (text: string) => problemsOf(() => load(text)).join('\n')
    expect(of('peers: [{address: "::ffff:10.0.0.1", asn: 1}]')).to.equal(
      'peers[0].address: not an IP address',
    )
    expect(of('podNetwork: {noMasquerade: ["::ffff:10.0.0.0/104"]}')).to.equal(
      'podNetwork.noMasquerade[0]: not a prefix such as 10.0.0.0/8',
    )
    expect(of('serviceProxy: {externalIPRanges: ["010.0.0.0/8"]}')).to.match(
      /^serviceProxy.externalIPRanges\[0\]/,
    )
    expect(of('serviceProxy: {externalIPRanges: ["10.0.0.0/08"]}')).to.match(
      /^serviceProxy.externalIPRanges\[0\]/,
    )
  })

  it('reports a peer at a link-local address: nobody knows its interface', () => {
    for (const address of ['fe80::1', 'FEBF::1'])
      expect(problemsOf(() => load(`peers: [{address: "${address}", asn: 1}]`))[0]).to.match(
        /^peers\[0\]\.address: a link-local address without an interface/,
      )
    expect(load('peers: [{address: "fec0::1", asn: 1}]').podNetwork?.externalPeers).to.have.length(1)
  })

  it('lets flags and environment win over the file', () => {
    const flags = flagsOf(['--run-service-proxy=false', '--log-level=debug'], {
      NODE_NAME: 'n',
      PODROUTE_CONFIG: 'config.yaml',
    })
    const config = load('log: {format: json}', flags)
    expect(config.serviceProxy).to.equal(undefined)
    expect(config.log).to.deep.equal({ level: 'debug', format: 'json' })
    expect(flags.nodeName).to.equal('n')
    expect([flags.strict, flagsOf(['--strict', '--node-name=n']).strict]).to.deep.equal([false, true])
  })

  it('takes a certificate for the metrics, and reports one that cannot be used', () => {
    const [one, two] = [makeCertificate('one'), makeCertificate('two')]
    const text = 'metrics: {tls: {certFile: crt, keyFile: key}, tokenReview: true}'
    const certificate = (files: Record<string, string>) => load(text, {}, files).metricsCertificate
    expect(certificate({ crt: one.cert, key: one.key })?.cert).to.equal(one.cert.trim())
    const mixed = problemsOf(() => certificate({ crt: one.cert, key: two.key }))
    expect(mixed).to.deep.equal(['metrics.tls: keyFile is not the key of the certificate in certFile'])
    expect(problemsOf(() => certificate({ crt: 'x', key: one.key }))[0]).to.match(
      /^metrics.tls: .* must be PEM/,
    )
    expect(problemsOf(() => certificate({ crt: one.cert }))[0]).to.match(
      /^metrics.tls.keyFile: cannot read key/,
    )
  })

  it('reports tokens that would cross the network readable', () => {
    expect(problemsOf(() => load('metrics: {tokenReview: true}'))[0]).to.match(/^metrics.tokenReview: /)
    expect(problemsOf(() => load('metrics: {tokenReview: true, address: localhost}'))).to.deep.equal([])
  })

  it('takes words for addresses of servers, the node’s where they are known', () => {
    const text =
      'metrics: {address: node}\nserviceProxy: {health: {address: node}}\nhealth: {address: localhost}'
    const flags = { nodeAddresses: ['192.0.2.1'] }
    expect(load(text, flags).metrics.address).to.equal('node')
    const paths = problemsOf(() => load(text)).map((problem) => problem.split(':')[0])
    expect(paths).to.have.members(['metrics.address', 'serviceProxy.health.address'])
    expect(problemsOf(() => load('metrics: {address: nobody}', flags))).to.have.length(1)
    expect(flagsOf(['--node-name', 'n'], { NODE_IPS: '192.0.2.1,2001:db8::1' }).nodeAddresses).to.have.length(
      2,
    )
  })

  it('reports flags that are unknown, bad or missing', () => {
    expect(problemsOf(() => flagsOf(['--colour']))[0]).to.include('--colour')
    expect(problemsOf(() => flagsOf(['--run-pod-network=maybe']))).to.have.length(2)
  })
})

describe('reference manifest', () => {
  const documents = parseAllDocuments(readFileSync('deploy/podroute.yaml', 'utf8'))
  const objects = documents.map((d) => d.toJS() as { kind: string; data?: Record<string, string> })

  it('holds a configuration that the agent takes, without peers', () => {
    expect(documents.flatMap((d) => d.errors)).to.deep.equal([])
    const text = objects.find((o) => o.kind === 'ConfigMap')?.data?.['config.yaml'] ?? ''
    expect(load(text).podNetwork?.externalPeers).to.deep.equal([])
    expect(text).to.include('peers: []')
  })

  it('documents keys that the agent takes: its comments, uncommented, are valid too', () => {
    const text = objects.find((o) => o.kind === 'ConfigMap')?.data?.['config.yaml'] ?? ''
    const uncommented = text.replace('peers: []\n', '').replaceAll(/^(\s*)#= ?/gm, '$1')
    expect(uncommented).to.not.equal(text)
    expect(() => parse(uncommented)).to.not.throw()
    const files = { '/etc/podroute-secrets/router': 'x', '/etc/podroute-secrets/mesh': 'y' }
    expect(problemsOf(() => load(uncommented, {}, files))).to.deep.equal([])
  })
})
