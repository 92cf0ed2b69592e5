/** Options of the commands that reach a cluster by kubectl. */
import type { CommandArgument } from '../report.ts'

export const WHICH_CLUSTER: readonly CommandArgument[] = [
  {
    name: 'namespace',
    kind: 'option',
    takes: 'name',
    summary: 'where podroute is',
    default: 'kube-system',
  },
  { name: 'context', kind: 'option', takes: 'name', summary: 'of the kubeconfig' },
  { name: 'kubeconfig', kind: 'option', takes: 'file', summary: 'file to reach the cluster with' },
  { name: 'kubectl', kind: 'option', takes: 'program', summary: 'the program', default: 'kubectl' },
]
