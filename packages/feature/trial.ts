/** What `podroute connectivity` makes for a feature, and which ways must be open and closed then. */

/** On each node, of the pods that the trial makes there. */
export type TrialRole = 'server' | 'client' | 'guarded'

/** The label with which a trial's objects select pods; its value is their role. */
export const TRIAL_ROLE = 'podroute.io/connectivity'

export interface Trial {
  /** Which part of a way fails where all others work: `network policies`. */
  readonly hop: string
  /** Made beside the pods, in their namespace. They concern pods of role `guarded` alone, which nothing else is tried with. */
  readonly objects: readonly object[]
  /** Each on a node and between two. */
  readonly ways: readonly TrialWay[]
}

export interface TrialWay {
  /** For people: `pod that a NetworkPolicy allows`. */
  readonly name: string
  readonly from: Exclude<TrialRole, 'guarded'>
  /** Whether a pod of role `guarded` answers. */
  readonly open: boolean
}

/** What the agent answers of all its features, at `/trials`. */
export interface TrialsReport {
  readonly trials: readonly Trial[]
}
