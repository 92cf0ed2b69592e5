/** Network policy's part of the configuration file. */
import { seconds } from '@podroute/feature/schema.ts'
import { anySection } from '@podroute/feature/section.ts'
import * as z from 'zod'
import { KUBE_ROUTER_FLAGS } from './kube-router-flags.ts'

/**
 * Which pods wait for their policies before they start. selected: those whose namespace has policies, and no others when the agent is
 * away; always: all pods, also for an agent that is away; never: none.
 */
export type PodStart = 'selected' | 'always' | 'never'

export interface NetworkPolicySettings {
  readonly podStart: PodStart
  /** Seconds that a pod waits before its start fails, and is tried again. */
  readonly podStartTimeout: number
  /** Whether connections end that policies do not allow any more. */
  readonly endConnections: boolean
}

const networkPolicy = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('Whether network policies are enforced. false: what the kernel has of them goes.'),
  podStart: z
    .enum(['selected', 'always', 'never'])
    .default('selected')
    .describe(
      'Which pods wait for their policies before they start. selected: those whose namespace has any; always: all, also while no agent runs; never: none.',
    ),
  podStartTimeoutSeconds: seconds(1, 120)
    .default(10)
    .describe('Seconds that a pod waits for its policies before its start fails, and is tried again.'),
  endConnections: z
    .boolean()
    .default(true)
    .describe('Whether open connections end that policies do not allow any more.'),
})

const shape = {
  networkPolicy: networkPolicy.prefault({}).describe('Network policies of namespaces and of the cluster.'),
}

export const section = anySection<typeof shape, NetworkPolicySettings>({
  shape,
  switches: { 'run-network-policy': ['networkPolicy', 'enabled'] },
  kubeRouterFlags: KUBE_ROUTER_FLAGS,
  settings: ({ networkPolicy: { enabled, podStart, podStartTimeoutSeconds, endConnections } }) =>
    enabled ? { podStart, podStartTimeout: podStartTimeoutSeconds, endConnections } : undefined,
})
