// ADD: bridge, address, veth pair, gateway; a step that fails rolls back those before it.

import { failure } from '../errors.ts'
import type { Owner } from '../host-local/lease.ts'
import { hostLocal } from '../host-local/plugin.ts'
import { forgetNeighbour } from '../netlink/addresses.ts'
import { deleteLink, findLink, type Link } from '../netlink/links.ts'
import { Namespace } from '../netlink/namespace.ts'
import { Netlink } from '../netlink/netlink.ts'
import { formatMac } from '../protocol/address.ts'
import { Ipam } from '../protocol/delegate.ts'
import type { Invocation } from '../protocol/invocation.ts'
import { checkForeignNamespace } from '../protocol/own-namespace.ts'
import type { Dns, Interface, Result } from '../protocol/result.ts'
import type { System } from '../system.ts'
import { ensureBridge, findBridge, randomMac } from './bridge-link.ts'
import { type BridgeConfig, readAddConfig } from './configuration.ts'
import { type ContainerLink, configureContainer, findContainerLink, stopForwarding } from './container.ts'
import { ensureGateways, gatewayPrefixes, planGateways } from './gateway.ts'
import { removeMacCheck, setMacCheck } from './mac-spoof.ts'
import { removeMasquerade, setMasquerade } from './masquerade.ts'
import { type AwaitPolicy, askForPolicy } from './network-policy.ts'
import { checkKnown, removeSources, type Sources, setSources, sourcesText } from './source-check.ts'
import { attachmentAlias, awaitPort, createVeth } from './veth.ts'
import { ensureVlanGateway, tagPort } from './vlan.ts'

const NOTHING: Result = { interfaces: [], ips: [], routes: [], dns: {} }

/** What the steps of an ADD share, and how to undo those that are done. */
interface Attachment {
  readonly system: System
  readonly invocation: Invocation
  readonly config: BridgeConfig
  readonly netlink: Netlink
  readonly namespace: Namespace
  readonly undo: (() => void)[]
}

function allocateAddresses(attachment: Attachment): Result {
  const { system, invocation, config, undo } = attachment
  if (config.ipamType === '') return NOTHING
  const ipam = new Ipam(system, invocation, config.ipamType, [hostLocal])
  const result = ipam.add()
  undo.push(() => ipam.del())
  if (result.ips.length === 0) throw failure('IPAM plugin returned missing IP config')
  return planGateways({ ...result, interfaces: [] }, config)
}

/** What the container may send from; undefined where it is not to be checked. The hardware address is chosen here, as the kernel would. */
function planSources({ system, config }: Attachment, result: Result): Sources | undefined {
  const addresses = result.ips.map(({ address }) => address.address)
  if (config.sourceCheck === 'none' || !checkKnown(addresses, config.sourceCheck === 'strict'))
    return undefined
  const mac = config.mac ?? randomMac(system)
  return { mac, macText: formatMac(mac), addresses }
}

function askPolicy({ system, invocation, config }: Attachment, result: Result): AwaitPolicy | undefined {
  const addresses = result.ips.map(({ address }) => address.address)
  return askForPolicy(system, invocation, config.policyWait, addresses)
}

/**
 * What others have sent to the address by now was judged before anything was in place, and waits in the queue of a neighbour that nobody
 * knows yet: it goes.
 */
function awaitPolicies({ netlink }: Attachment, result: Result, gateway: Link, wait: AwaitPolicy): void {
  wait()
  netlink.exchange(result.ips.map(({ address }) => forgetNeighbour(gateway.index, address.address)))
}

function connectToBridge(attachment: Attachment, bridge: Link, sources: Sources | undefined): string {
  const { system, invocation, config, netlink, namespace, undo } = attachment
  if (sources !== undefined && isChecked(config)) stopForwarding(system, namespace)
  const name = createVeth(system, netlink, {
    containerName: invocation.interfaceName,
    netns: namespace.descriptor,
    mtu: config.mtu,
    mac: sources?.mac ?? config.mac,
    bridge,
    hairpin: config.hairpin,
    isolated: config.portIsolation,
    alias: attachmentAlias(
      config.network,
      invocation.containerId,
      invocation.interfaceName,
      sources && sourcesText(sources),
    ),
  })
  undo.push(() => netlink.exchange([deleteLink(name)]))
  if (config.vlan !== 0 || config.trunk !== undefined) tagPort(netlink, findLink(netlink, name)!, config)
  return name
}

/** Layer 2 only, without the container's interface: it stays down, but the result names it. */
function containerLink(attachment: Attachment, result: Result): ContainerLink {
  const { system, namespace, config, invocation } = attachment
  if (config.containerInterface)
    return configureContainer(system, namespace, invocation.interfaceName, result, {
      detection: config.duplicateAddressDetection,
      host: isChecked(config),
    })
  const netlink = namespace.netlink()
  try {
    return findContainerLink(netlink, invocation.interfaceName)
  } finally {
    netlink.close()
  }
}

const isChecked = ({ sourceCheck }: BridgeConfig) => sourceCheck === 'on' || sourceCheck === 'strict'

function enableSourceCheck(attachment: Attachment, port: string, sources: Sources | undefined): void {
  const { system, config, netlink, undo } = attachment
  if (sources === undefined || !isChecked(config)) return
  const index = netlink.indexOf(port)
  if (index === undefined) throw failure(`interface "${port}" has gone from the bridge`)
  undo.push(() => removeSources(system, index, sources))
  setSources(system, index, sources, config.sourceCheck === 'strict')
}

const isSet = (dns: Dns) => Object.keys(dns).length > 0

const ownerOf = ({ containerId, interfaceName }: Invocation): Owner => ({ containerId, interfaceName })

function enableMacCheck(attachment: Attachment, hostName: string, container: ContainerLink): void {
  const { system, invocation, config, undo } = attachment
  if (!config.macSpoofCheck) return
  const owner = ownerOf(invocation)
  undo.push(() => removeMacCheck(system, owner))
  setMacCheck(system, owner, hostName, container.mac)
}

function masquerade(attachment: Attachment, result: Result): void {
  const { system, invocation, config, undo } = attachment
  if (!config.ipMasq || result.ips.length === 0) return
  const owner = ownerOf(invocation)
  undo.push(() => removeMasquerade(system, config.network, owner))
  const prefixes = result.ips.map((ip) => ip.address)
  setMasquerade(system, config.network, owner, prefixes, config.ipMasqBackend)
}

/** Puts the gateway's addresses on the bridge or, with a VLAN, on the host's interface in it; returns the latter. */
function provideGateways(attachment: Attachment, bridge: Link, result: Result): Link | undefined {
  const { system, config, netlink } = attachment
  if (!config.gateway || result.ips.length === 0) return undefined
  const vlan = config.vlan === 0 ? undefined : ensureVlanGateway(system, netlink, bridge, config)
  ensureGateways(system, netlink, vlan ?? bridge, gatewayPrefixes(result.ips), config.forceAddress)
  return vlan
}

/** With a VLAN the gateway is not the bridge. */
const bridgeGateway = (config: BridgeConfig, result: Result) =>
  config.gateway && config.vlan === 0 ? result.ips[0]?.gateway : undefined

function attach(attachment: Attachment): Result {
  const { system, invocation, config, netlink } = attachment
  const existing = findBridge(netlink, config)
  const result = allocateAddresses(attachment)
  const awaitPolicy = askPolicy(attachment, result)
  const bridge = ensureBridge(system, netlink, config, existing, bridgeGateway(config, result))
  const vlan = provideGateways(attachment, bridge, result)
  const sources = planSources(attachment, result)
  const hostName = connectToBridge(attachment, bridge, sources)
  enableSourceCheck(attachment, hostName, sources)
  if (awaitPolicy !== undefined) awaitPolicies(attachment, result, vlan ?? bridge, awaitPolicy)
  const container = containerLink(attachment, result)
  enableMacCheck(attachment, hostName, container)
  masquerade(attachment, result)
  const mac = awaitPort(system, netlink, hostName, config.containerInterface)
  const interfaces: Interface[] = [
    // Without a gateway, a bridge that another program made may have taken the MAC of the new port.
    { name: bridge.name, mac: formatMac(netlink.find(bridge.name)?.mac ?? bridge.mac) },
    { name: hostName, mac: formatMac(mac) },
    { name: container.name, mac: sources?.macText ?? formatMac(container.mac), sandbox: invocation.netns },
    ...(vlan === undefined ? [] : [{ name: vlan.name, mac: formatMac(vlan.mac) }]),
  ]
  return { ...result, interfaces, dns: isSet(config.dns) ? config.dns : result.dns }
}

function rollBack(system: System, undo: (() => void)[]): void {
  for (const step of undo.reverse()) {
    try {
      step()
    } catch (error) {
      system.writeError(`podroute-cni: rollback failed: ${error}\n`)
    }
  }
}

export function add(system: System, invocation: Invocation): Result {
  const config = readAddConfig(invocation)
  checkForeignNamespace(system, invocation)
  const netlink = new Netlink(system)
  const namespace = Namespace.open(system, invocation.netns)
  const undo: (() => void)[] = []
  try {
    return attach({ system, invocation, config, netlink, namespace, undo })
  } catch (error) {
    rollBack(system, undo)
    throw error
  }
}
