/** What `podroute connectivity` tries of policies: pods of one role may reach the guarded ones, and the others may not. */
import { TRIAL_ROLE, type Trial } from '@podroute/feature/trial.ts'

const ofRole = (role: string) => ({ matchLabels: { [TRIAL_ROLE]: role } })

export const TRIAL: Trial = {
  hop: 'network policies',
  objects: [
    {
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'guarded' } },
      spec: {
        ...{ podSelector: ofRole('guarded'), policyTypes: ['Ingress'] },
        ingress: [{ from: [{ podSelector: ofRole('client') }] }],
      },
    },
  ],
  ways: [
    { name: 'pod that a NetworkPolicy allows', from: 'client', open: true },
    { name: 'pod that a NetworkPolicy denies', from: 'server', open: false },
  ],
}
