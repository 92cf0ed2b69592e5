/** The features of the agent, in the order in which they start. A new one is a folder and a line here. */
import type { FeatureDefinition } from '@podroute/feature/feature.ts'
import { networkPolicy } from '@podroute/network-policy/feature.ts'
import { podNetwork } from '@podroute/pod-network/feature.ts'
import { serviceProxy } from '@podroute/service-proxy/feature.ts'

export const FEATURES: readonly FeatureDefinition[] = [podNetwork, serviceProxy, networkPolicy]
