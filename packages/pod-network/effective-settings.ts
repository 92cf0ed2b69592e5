/** The settings of this node: what the configuration says, with the routers that select the node and what annotations of its Node add. */
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { withPeers } from './node-annotations/node-settings.ts'
import type { Routers } from './routers/routers.ts'
import type { ExternalPeer, PodNetworkSettings } from './settings.ts'

export class EffectiveSettings {
  readonly #routers: Pick<Routers, 'select'>
  /** As the configuration says. */
  #configured: PodNetworkSettings
  #current: PodNetworkSettings

  constructor(configured: PodNetworkSettings, routers: Pick<Routers, 'select'>) {
    this.#routers = routers
    this.#configured = withChecks(configured)
    this.#current = this.#selected(undefined)
  }

  get current(): PodNetworkSettings {
    return this.#current
  }

  /** Takes another configuration; `merge` puts it into effect. What pods hang on stays. */
  configure(settings: PodNetworkSettings): void {
    const { bridge, cni } = this.#current
    this.#configured = withChecks({ ...settings, bridge, cni })
  }

  /** Puts configuration and annotations together. Returns the settings as on a node that every router selects. */
  merge(local: ClusterNode | undefined, peers: readonly ExternalPeer[]): PodNetworkSettings {
    this.#current = withPeers(this.#selected(local), peers)
    return withPeers(this.#configured, peers)
  }

  #selected(local: ClusterNode | undefined): PodNetworkSettings {
    const { externalPeers } = this.#configured
    return { ...this.#configured, externalPeers: this.#routers.select(externalPeers, local) }
  }
}

/** Only our plugin says what the port of a pod may send from. */
function withChecks(settings: PodNetworkSettings): PodNetworkSettings {
  return settings.cni ? settings : { ...settings, sourceCheck: false }
}
