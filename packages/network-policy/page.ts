/** What `podroute policy` shows. */
import type { Page } from '@podroute/feature/page.ts'
import type { PodPolicies, PolicyReport } from './snapshot.ts'

export function policyPage(data: () => PolicyReport): Page<PolicyReport> {
  return {
    name: 'policy',
    summary: 'pods of this node and the network policies that select them',
    data,
    tables: ({ pods, problems }) => [
      {
        columns: ['POD', 'ADDRESSES', 'INGRESS', 'EGRESS', 'STATE'],
        rows: pods.map(podRow),
        empty: 'no pods, or no network policies in the cluster',
      },
      {
        columns: ['POLICY', 'PROBLEM'],
        rows: problems.map(({ policy, problem }) => [policy, problem]),
        empty: '',
      },
    ],
  }
}

function podRow({ pod, addresses, ingress, egress, state, reasons }: PodPolicies): string[] {
  const isolated = ingress.length > 0 || egress.length > 0
  return [
    pod,
    addresses.join(' '),
    names(ingress),
    names(egress),
    isolated || state !== 'absent' ? stateText(state, reasons) : '',
  ]
}

/** Where no policy selects it everything passes. */
function names(policies: readonly string[]): string {
  return policies.length === 0 ? 'all' : policies.join(' ')
}

/** Of one whose policies allow everything the kernel holds nothing. */
function stateText(state: PodPolicies['state'], reasons: readonly string[]): string {
  if (state === 'failed' || state === 'refused') return `failed: ${reasons[0] ?? ''}`
  return state === 'pending' ? 'pending' : 'in place'
}
