/** What an operator can do about a refusal of the API server. */
import { ApiStatusError } from '../errors.ts'

/** Undefined when there is nothing to do but to wait. @param resource plural name of the refused kind: `nodes` */
export function remedyFor(error: unknown, resource: string): string | undefined {
  if (!(error instanceof ApiStatusError)) return undefined
  switch (error.status) {
    case 401:
      return 'the credentials are not of this cluster or have expired: restart the pod, or replace the kubeconfig'
    case 403:
      return `allow list and watch on ${resource}: apply the ServiceAccount, ClusterRole and ClusterRoleBinding of podroute.yaml again`
    default:
      return undefined
  }
}
