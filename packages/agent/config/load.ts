/** From the text of the configuration file and the overrides to a valid configuration, or to every problem with its path. */
import { readFileSync } from 'node:fs'
import { canonicalAddress, type Family, width } from '@podroute/address/address.ts'
import { cidr } from '@podroute/address/cidr.ts'
import { acceptedPrefix } from '@podroute/pod-network/plan/external-policy.ts'
import type { AcceptRoutes, ExternalPeer, PodNetworkSettings } from '@podroute/pod-network/settings.ts'
import { parseDocument } from 'yaml'
import { ConfigError } from '../errors.ts'
import type { LogFormat, LogLevel } from '../log.ts'
import type { Overrides } from './flags.ts'
import { configSchema, type FileConfig, MAX_KEY_BYTES } from './schema.ts'

/** What the agent runs with: parsed once, never checked again. */
export interface Config {
  readonly nodeName: string
  readonly podNetwork: PodNetworkSettings | undefined
  readonly serviceProxy: ServiceProxySettings | undefined
  readonly apiServer: string | undefined
  readonly kubeconfig: string | undefined
  readonly kubeletKubeconfigs: readonly string[]
  readonly health: Listen
  readonly metrics: Listen
  readonly adminSocket: string
  readonly log: { readonly level: LogLevel; readonly format: LogFormat }
}

export interface ServiceProxySettings {
  readonly masqueradeAll: boolean
  readonly serviceCIDRs: readonly string[]
  readonly nodePortRanges: readonly string[]
  readonly externalRanges: readonly string[]
  /** Seconds. */
  readonly drain: number
  /** kube-proxy's health pages. */
  readonly health: Listen
}

export interface Listen {
  readonly address: string
  readonly port: number
}

export type ReadFile = (path: string) => string

const readText: ReadFile = (path) => readFileSync(path, 'utf8')

/** Reads, checks and merges. @throws ConfigError with every problem. */
export function loadConfig(overrides: Overrides, read: ReadFile = readText): Config {
  const problems: string[] = []
  const file = parseConfig(readOr(overrides.configFile, read, problems), overrides, problems)
  if (!file || problems.length > 0) throw new ConfigError(problems)
  const peers = file.peers.map((peer, i) => externalPeer(peer, `peers[${i}]`, read, problems))
  duplicates(peers, problems)
  const meshPassword = secret(file.bgp.meshPasswordFile, 'bgp.meshPasswordFile', read, problems)
  if (problems.length > 0) throw new ConfigError(problems)
  return {
    nodeName: overrides.nodeName,
    podNetwork: file.podNetwork.enabled ? podNetworkSettings(file, peers, meshPassword) : undefined,
    serviceProxy: file.serviceProxy.enabled ? serviceProxySettings(file) : undefined,
    apiServer: file.apiServer,
    kubeconfig: overrides.kubeconfig,
    kubeletKubeconfigs: file.kubeletKubeconfigs,
    health: file.health,
    metrics: file.metrics,
    adminSocket: file.adminSocket,
    log: file.log,
  }
}

/** The text as a checked configuration, overrides applied; undefined when `problems` were found. An empty text is all defaults. */
export function parseConfig(
  text: string,
  overrides: Partial<Overrides>,
  problems: string[],
): FileConfig | undefined {
  const document = parseDocument(text, { prettyErrors: true })
  if (document.errors.length > 0) {
    problems.push(...document.errors.map((error) => `YAML: ${error.message.split('\n')[0]}`))
    return undefined
  }
  const result = configSchema.safeParse(override(document.toJS() ?? {}, overrides))
  if (result.success) return result.data
  for (const issue of result.error.issues) problems.push(`${pathText(issue.path)}: ${issue.message}`)
  return undefined
}

/** Flags become keys of the file, so that one schema checks both. */
function override(raw: unknown, overrides: Partial<Overrides>): unknown {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return raw
  const file = { ...(raw as Record<string, unknown>) }
  const put = (key: string, more: Record<string, unknown>) => {
    const before = file[key] ?? {}
    if (typeof before === 'object') file[key] = { ...before, ...more }
  }
  if (overrides.runPodNetwork !== undefined) put('podNetwork', { enabled: overrides.runPodNetwork })
  if (overrides.runServiceProxy !== undefined) put('serviceProxy', { enabled: overrides.runServiceProxy })
  if (overrides.logLevel !== undefined) put('log', { level: overrides.logLevel })
  if (overrides.adminSocket !== undefined) file.adminSocket = overrides.adminSocket
  return file
}

function serviceProxySettings({ serviceProxy }: FileConfig): ServiceProxySettings {
  const canonical = (prefixes: readonly string[]) => prefixes.map((prefix) => cidr(prefix).text)
  return {
    masqueradeAll: serviceProxy.masqueradeAll,
    serviceCIDRs: canonical(serviceProxy.serviceCIDRs),
    nodePortRanges: canonical(serviceProxy.nodePortRanges),
    externalRanges: canonical(serviceProxy.externalIPRanges),
    drain: serviceProxy.drainSeconds,
    health: serviceProxy.health,
  }
}

function podNetworkSettings(
  file: FileConfig,
  externalPeers: readonly ExternalPeer[],
  meshPassword: string | undefined,
): PodNetworkSettings {
  const { bgp, podNetwork } = file
  return {
    asn: file.asn,
    port: bgp.port,
    mesh: bgp.mesh,
    ...(meshPassword === undefined ? {} : { meshPassword }),
    holdTime: bgp.holdTimeSeconds,
    externalPeers,
    bridge: podNetwork.bridge,
    ...(podNetwork.mtu === 'auto' ? {} : { mtu: podNetwork.mtu }),
    hairpin: podNetwork.hairpin,
    masquerade: podNetwork.masquerade,
    noMasquerade: podNetwork.noMasquerade.map(cidr),
    serviceCidrs: file.serviceProxy.serviceCIDRs.map(cidr),
    clusterCidrs: podNetwork.clusterCIDRs.map(cidr),
    conflist: podNetwork.conflist,
    keepRoutes: bgp.keepRoutesSeconds,
    peerDeadline: bgp.peerDeadlineSeconds,
  }
}

function externalPeer(
  peer: FileConfig['peers'][number],
  path: string,
  read: ReadFile,
  problems: string[],
): ExternalPeer {
  if (peer.password !== undefined && peer.passwordFile !== undefined) {
    problems.push(`${path}: password and passwordFile are both given`)
  }
  const password = peer.password ?? secret(peer.passwordFile, `${path}.passwordFile`, read, problems)
  const families = peer.families?.map((family): Family => (family === 'ipv4' ? 4 : 6))
  return {
    address: canonicalAddress(peer.address) ?? peer.address,
    asn: peer.asn,
    ...(peer.port === undefined ? {} : { port: peer.port }),
    ...(password === undefined ? {} : { password }),
    ...(families === undefined ? {} : { families }),
    ...(peer.holdTimeSeconds === undefined ? {} : { holdTime: peer.holdTimeSeconds }),
    acceptRoutes: acceptRoutes(peer.acceptRoutes, `${path}.acceptRoutes`, problems),
    maxPrefixes: peer.maxPrefixes,
  }
}

function acceptRoutes(
  raw: FileConfig['peers'][number]['acceptRoutes'],
  path: string,
  problems: string[],
): AcceptRoutes {
  if (typeof raw === 'boolean') return raw
  return raw.map((entry, i) => {
    const { prefix, ...lengths } = typeof entry === 'string' ? { prefix: entry } : entry
    const accepted = acceptedPrefix(cidr(prefix), lengths)
    const { minLength, maxLength } = accepted
    if (
      minLength < accepted.prefix.length ||
      maxLength < minLength ||
      maxLength > width(accepted.prefix.family)
    )
      problems.push(`${path}[${i}]: no prefix in ${prefix} is ${minLength} to ${maxLength} bits long`)
    return accepted
  })
}

function duplicates(peers: readonly ExternalPeer[], problems: string[]): void {
  for (const [i, peer] of peers.entries()) {
    const first = peers.findIndex((other) => other.address === peer.address)
    if (first !== i) problems.push(`peers[${i}].address: ${peer.address} is peers[${first}] already`)
  }
}

function secret(
  file: string | undefined,
  path: string,
  read: ReadFile,
  problems: string[],
): string | undefined {
  if (file === undefined) return undefined
  const before = problems.length
  const text = readOr(file, read, problems, path).trim()
  if (text === '' && problems.length === before) problems.push(`${path}: ${file} is empty`)
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_KEY_BYTES)
    problems.push(`${path}: ${file} has ${bytes} bytes: a TCP-MD5 key has at most ${MAX_KEY_BYTES}`)
  return text
}

function readOr(file: string, read: ReadFile, problems: string[], path?: string): string {
  try {
    return read(file)
  } catch (error) {
    problems.push(`${path ? `${path}: ` : ''}cannot read ${file}: ${(error as Error).message}`)
    return ''
  }
}

/** `peers[0].asn` */
function pathText(path: readonly PropertyKey[]): string {
  const text = path.reduce<string>(
    (sum, key) =>
      typeof key === 'number' ? `${sum}[${key}]` : sum === '' ? String(key) : `${sum}.${String(key)}`,
    '',
  )
  return text || 'the file'
}
