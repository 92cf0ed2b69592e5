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
    this.#configured = configured
    this.#current = this.#selected(undefined)
  }

  get current(): PodNetworkSettings {
    return this.#current
  }

  /** Takes another configuration; `merge` puts it into effect. The bridge stays: pods hang on it. */
  configure(settings: PodNetworkSettings): void {
    this.#configured = { ...settings, bridge: this.#current.bridge }
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
