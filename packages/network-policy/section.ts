/** Network policy's part of the configuration file. */
import { anySection } from '@podroute/feature/section.ts'
import * as z from 'zod'
import { KUBE_ROUTER_FLAGS } from './kube-router-flags.ts'

/** There is nothing to set but whether it is on. */
export type NetworkPolicySettings = Readonly<Record<string, never>>

const shape = {
  networkPolicy: z.strictObject({ enabled: z.boolean().default(true) }).prefault({}),
}

export const section = anySection<typeof shape, NetworkPolicySettings>({
  shape,
  switches: { 'run-network-policy': ['networkPolicy', 'enabled'] },
  kubeRouterFlags: KUBE_ROUTER_FLAGS,
  settings: ({ networkPolicy }) => (networkPolicy.enabled ? {} : undefined),
})
