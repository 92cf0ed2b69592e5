/** docs/migrating-from-kube-router.md has a row for each flag and annotation of kube-router, and says what the code does with it. */
import { readFileSync } from 'node:fs'
import { parseFlags } from '@podroute/agent/config/flags.ts'
import { KUBE_ROUTER_FLAGS } from '@podroute/agent/config/kube-router-flags.ts'
import { FEATURES } from '@podroute/agent/features.ts'
import type { FlagTakes } from '@podroute/feature/flag.ts'
import { TOPICS } from '@podroute/pod-network/node-annotations/node-annotations.ts'
import { POD_CIDR_ANNOTATIONS } from '@podroute/pod-network/node-annotations/pod-cidr-overrides.ts'
import { expect } from 'chai'

const PAGE = readFileSync('docs/migrating-from-kube-router.md', 'utf8')

/** All that version 2.11 has. */
const FLAGS =
  `advertise-cluster-ip advertise-external-ip advertise-loadbalancer-ip advertise-pod-cidr auto-mtu bfd-desired-min-tx-interval
bfd-detection-multiplier bfd-port bfd-required-min-rx-interval bgp-graceful-restart bgp-graceful-restart-deferral-time bgp-graceful-restart-time
bgp-holdtime bgp-port cache-sync-timeout cleanup-config cluster-asn disable-source-dest-check enable-bfd enable-cni enable-ibgp enable-ipv4
enable-ipv6 enable-overlay enable-pod-egress enable-pprof excluded-cidrs gobgp-admin-address gobgp-admin-port hairpin-mode health-addr
health-port help hostname-override injected-routes-sync-period iptables-sync-period ipvs-graceful-period ipvs-graceful-termination
ipvs-permit-all ipvs-sync-period kubeconfig loadbalancer-default-class loadbalancer-ip-range loadbalancer-sync-period masquerade-all master
metrics-addr metrics-path metrics-port netpol-default-deny nodeport-bindon-all-ip nodes-full-mesh overlay-encap overlay-encap-port
overlay-type override-nexthop peer-router-asns peer-router-ips peer-router-multihop-ttl peer-router-passwords peer-router-passwords-file
peer-router-ports router-id routes-sync-period run-firewall run-loadbalancer run-router run-service-proxy runtime-endpoint
service-cluster-ip-range service-external-ip-range service-node-port-range service-tcp-timeout service-tcpfin-timeout service-udp-timeout
strict-external-ip-validation use-nftables-for-netpol v version`.split(/\s+/)
const ANNOTATIONS =
  `node.asn rr.server rr.client peers peer.ips peer.asns peer.ports peer.passwords peer.localips path-prepend.as
path-prepend.repeat-n node.bgp.communities node.bgp.customimportreject bgp-local-addresses pod-cidr pod-cidrs service.scheduler
service.schedflags service.hairpin service.hairpin.externalips service.local service.dsr service.skiplbips service.advertise.clusterip
service.advertise.externalip service.advertise.loadbalancerip`.split(/\s+/)

const sections = FEATURES.map(({ section }) => section)
const flags = [...KUBE_ROUTER_FLAGS, ...sections.flatMap(({ kubeRouterFlags }) => kubeRouterFlags)]
/** Values that say something else than what is so anyway. */
const SAMPLES: Readonly<Record<FlagTakes, readonly string[]>> = {
  bool: ['true', 'false'],
  text: ['192.0.2.1'],
  list: ['192.0.2.1'],
  number: ['7'],
  seconds: ['7s'],
}

/** Cells of the row whose first cell is this. */
function row(first: string): string[] {
  const line = PAGE.split('\n').filter((text) => text.startsWith(`| ${first}`))
  expect(line, first).to.have.length(1)
  return line[0]!
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}

function refuses(words: readonly string[]): boolean {
  try {
    parseFlags(['--node-name=n', ...words], {}, sections)
    return false
  } catch {
    return true
  }
}

describe('docs/migrating-from-kube-router.md', () => {
  it('has a row for each flag of kube-router, which the agent understands', () => {
    for (const name of FLAGS) row(`\`--${name}\``)
    const known = flags.map(({ name }) => name)
    const own = ['help', 'version', 'kubeconfig', 'run-service-proxy']
    expect(FLAGS.filter((name) => !known.includes(name))).to.have.members(own)
    expect(known.filter((name) => !FLAGS.includes(name))).to.deep.equal([])
    for (const flag of own)
      expect(
        refuses([
          `--${flag}${flag === 'run-service-proxy' ? '=true' : '=/x'}`.replace(/(help|version)=.*/, '$1'),
        ]),
      ).to.equal(false)
  })

  it('says of each flag which keys it sets, that it means nothing, or that it is refused', () => {
    for (const { name, keys, takes } of flags) {
      if (name === 'hostname-override') continue
      const here = row(`\`--${name}\``)[1]!
      const refused = SAMPLES[takes].some((value) => refuses([`--${name}=${value}`]))
      const needsAnother = /^peer-router-|^bfd-/.test(name)
      if (keys.length > 0) for (const key of keys) expect(here, name).to.include(`\`${key}\``)
      else expect(here, name).to.equal(refused && !needsAnother ? '**Refused**' : '**No meaning**')
    }
  })

  it('has a row for each annotation of kube-router, and for each that the code reads', () => {
    for (const name of ANNOTATIONS) row(`\`${name}\``)
    const ofNodes = [...TOPICS.flatMap(({ suffixes }) => suffixes), ...POD_CIDR_ANNOTATIONS]
    const files = [
      ...['service-proxy/parse/annotations.ts', 'pod-network/service-addresses/decide.ts'],
      ...['cluster/objects/annotations.ts', 'pod-network/bgp/roles/role.ts'],
    ].map((file) => readFileSync(`packages/${file}`, 'utf8'))
    const read = files.flatMap((text) => [...text.matchAll(/'((?:service|rr|node)\.[a-z.-]+)'/g)])
    const ofCode = new Set([...ofNodes, ...read.map((match) => match[1]!)])
    expect(ofCode.size).to.be.above(20)
    for (const name of ofCode) row(`\`${name}\``)
  })
})
