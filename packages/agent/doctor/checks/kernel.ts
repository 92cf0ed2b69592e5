/** Checks of the kernel: what it has, how it is set, and what is near its limit. */
import { bridgeName } from '../bridge-name.ts'
import { type Check, checkOf, fail, OK, type Outcome, unknown, warn } from '../check.ts'
import type { Facts } from '../facts.ts'

/** @param judge of the value; where the kernel has no such parameter, `missing` */
function parameter(
  check: { readonly name: string; readonly summary: string; readonly parameter: string },
  judge: (value: string) => Outcome,
  missing: Outcome = OK,
): Check {
  return checkOf(check.name, check.summary, sysctlsOf, (values) => {
    const value = values[check.parameter]
    return value === undefined ? missing : judge(value)
  })
}

const sysctlsOf = ({ sysctls }: Facts) => sysctls

/** A parameter that the agent sets: without one it is the agent that has yet to come. */
function wanted(name: string, summary: string, key: string, value: string, missing?: Outcome): Check {
  const set = `sysctl -w ${key.replaceAll('/', '.')}=${value}`
  const judge = (now: string) =>
    now === value
      ? OK
      : fail(
          `${key} is ${now}, not ${value}`,
          `start the agent, which sets it; where one runs, find out what else sets it (/etc/sysctl.d), or ${set}`,
        )
  return parameter({ name, summary, parameter: key }, judge, missing)
}

const NO_BRIDGE_FILTER = fail(
  'the kernel shows no bridged packets to its rules',
  'modprobe br_netfilter, and name it in /etc/modules-load.d/podroute.conf',
)

const strict = (value: string | undefined) => value === '1'

/** Of a count and its limit. */
function fullness(name: string, what: string, count: string, most: string): Check {
  return checkOf(name, `the table of ${what} has room`, sysctlsOf, (values) => {
    const [now, limit] = [Number(values[count]), Number(values[most])]
    if (!Number.isFinite(now) || !(limit > 0)) return unknown(`the kernel has no ${count}`)
    const share = Math.round((now / limit) * 100)
    const todo = `raise ${most.replaceAll('/', '.')}, and look who has so many: conntrack -L, podroute services`
    if (share >= 95) return fail(`${now} of ${limit} ${what} (${share} %): new ones are dropped`, todo)
    return share >= 80 ? warn(`${now} of ${limit} ${what} (${share} %)`, todo) : OK
  })
}

function neighbours(family: 4 | 6): Check {
  const key = `net/ipv${family}/neigh/default/gc_thresh3`
  return {
    name: `neighbours-ipv${family}`,
    summary: 'the table of neighbours holds all nodes and the pods of this one',
    judge({ sysctls, cluster }) {
      if ('unknown' in sysctls) return unknown(sysctls.unknown)
      const limit = sysctls.value[key]
      if (limit === undefined) return OK
      if ('unknown' in cluster) return unknown(cluster.unknown)
      // A node has up to 110 pods by default.
      const needed = cluster.value.nodes.length + 110
      if (Number(limit) >= needed * 1.25) return OK
      return warn(
        `${needed} neighbours are to be expected, and the table takes ${limit}`,
        `sysctl -w ${key.replaceAll('/', '.')}=${needed * 2}, and in /etc/sysctl.d`,
      )
    },
  }
}

export const KERNEL_CHECKS: readonly Check[] = [
  checkOf(
    'ipvs',
    'the kernel has IPVS, for Services',
    ({ ipvs }) => ipvs,
    (has) =>
      has
        ? OK
        : fail('the kernel has no IPVS', 'modprobe ip_vs, and name it in /etc/modules-load.d/podroute.conf'),
  ),
  checkOf(
    'nftables',
    'the kernel has nftables',
    ({ hookedChains }) => hookedChains,
    () => OK,
  ),
  wanted('forwarding-ipv4', 'the node forwards IPv4', 'net/ipv4/ip_forward', '1'),
  wanted('forwarding-ipv6', 'the node forwards IPv6, where it has it', 'net/ipv6/conf/all/forwarding', '1'),
  wanted(
    'bridge-rules-ipv4',
    'packets between pods of a bridge meet rules',
    'net/bridge/bridge-nf-call-iptables',
    '1',
    NO_BRIDGE_FILTER,
  ),
  wanted(
    'bridge-rules-ipv6',
    'the same for IPv6',
    'net/bridge/bridge-nf-call-ip6tables',
    '1',
    NO_BRIDGE_FILTER,
  ),
  wanted('ipvs-conntrack', 'connections to Services are tracked', 'net/ipv4/vs/conntrack', '1'),
  wanted('arp-ignore', 'service addresses are not answered in ARP', 'net/ipv4/conf/all/arp_ignore', '1'),
  wanted('arp-announce', 'ARP asks with an address of the interface', 'net/ipv4/conf/all/arp_announce', '2'),
  checkOf('reverse-path', 'answers of Services pass the reverse path filter', sysctlsOf, (values, facts) => {
    const bridge = bridgeName(facts.confFiles)
    const own = values[`net/ipv4/conf/${bridge}/rp_filter`]
    const all = values['net/ipv4/conf/all/rp_filter']
    // The higher one of both counts (ip-sysctl).
    if (own === undefined || own === '2' || all === '2' || !(strict(own) || strict(all))) return OK
    return fail(
      `the reverse path filter of ${bridge} is strict: answers of Services are dropped`,
      `sysctl -w net.ipv4.conf.${bridge}.rp_filter=2`,
    )
  }),
  fullness(
    'conntrack-room',
    'connections',
    'net/netfilter/nf_conntrack_count',
    'net/netfilter/nf_conntrack_max',
  ),
  neighbours(4),
  neighbours(6),
  checkOf(
    'open-files',
    'there are file descriptors left',
    ({ files }) => files,
    ({ open, most }) =>
      open / most < 0.9
        ? OK
        : fail(`${open} of ${most} files are open`, 'raise fs.file-max, and look who has so many (lsof)'),
  ),
  checkOf(
    'disk-space',
    'state can be written',
    ({ disk }) => disk,
    ({ space }) =>
      space > 0.05
        ? OK
        : fail(
            `${(space * 100).toFixed(1)} % of the disk with the state directory is free`,
            'make room there',
          ),
  ),
  checkOf(
    'inodes',
    'files can be made',
    ({ disk }) => disk,
    ({ inodes }) =>
      inodes > 0.05
        ? OK
        : fail(
            `${(inodes * 100).toFixed(1)} % of the inodes with the state directory are free`,
            'remove files there',
          ),
  ),
]
