/** A Namespace of the cluster: its labels, by which policies select it. */
import type { Labels } from './label-selector.ts'

/** What is kept of a Namespace. */
export interface NamespaceObject {
  readonly labels: Labels
}

export interface Namespace {
  readonly labels: Labels
}
